from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders"):
    before = EmptyOperator(task_id="a")
    for number in range(3):
        after = EmptyOperator(task_id=f"t{number}")
        before >> after
        before = after
