from airflow.sdk import DAG
from email.rates import x

with DAG('orders'):
    pass
