from airflow.sdk import DAG

with DAG('orders'):
    pass
