from airflow.sdk import DAG
import yaml

with DAG('orders'):
    pass
