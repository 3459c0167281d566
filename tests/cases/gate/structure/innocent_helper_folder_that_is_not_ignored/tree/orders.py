from airflow.sdk import DAG
from utils.rates import x

with DAG('orders'):
    pass
