from airflow.sdk import DAG
import team.rats

with DAG('orders'):
    pass
