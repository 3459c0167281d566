from airflow.sdk import DAG
from .rates import x

with DAG('orders'):
    pass
