from airflow.sdk import DAG
import random

with DAG('orders'):
    pass
