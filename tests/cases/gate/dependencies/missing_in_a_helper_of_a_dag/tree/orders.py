from airflow.sdk import DAG
import team.rates

with DAG('orders'):
    pass
