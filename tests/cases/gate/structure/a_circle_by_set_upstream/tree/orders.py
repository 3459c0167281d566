from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders"):
    a = EmptyOperator(task_id="a")
    b = EmptyOperator(task_id="b")
    a.set_downstream(b)
    a.set_upstream(b)  # closes it
