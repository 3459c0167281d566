from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders"):
    with TaskGroup("later", add_suffix_on_collision=True):
        EmptyOperator(task_id="a")
    with TaskGroup("later", add_suffix_on_collision=True):
        EmptyOperator(task_id="b")
