from airflow.sdk import DAG
from team import rats

with DAG('orders'):
    pass
