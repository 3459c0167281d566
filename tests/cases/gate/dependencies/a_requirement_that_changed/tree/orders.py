from airflow.sdk import DAG
import pandas

with DAG('orders'):
    pass
