from airflow.sdk import DAG
import company_lib.io

with DAG('orders'):
    pass
