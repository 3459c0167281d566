from airflow.sdk import DAG
from google.cloud import bigquery

with DAG('orders'):
    pass
