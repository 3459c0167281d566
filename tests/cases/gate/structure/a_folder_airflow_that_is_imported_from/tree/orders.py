from airflow.sdk import DAG
from airflow.common import x

with DAG('orders'):
    pass
