from airflow.sdk import DAG
import polars

with DAG('orders'):
    pass
