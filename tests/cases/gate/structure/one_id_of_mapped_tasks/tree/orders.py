from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders"):
    BashOperator(task_id="load", bash_command="true")
    BashOperator.partial(task_id="load").expand(bash_command=["a", "b"])  # again
