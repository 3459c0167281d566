from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

NAME = "load"

with DAG("orders"):
    EmptyOperator(task_id=NAME)
    EmptyOperator(task_id="load")
