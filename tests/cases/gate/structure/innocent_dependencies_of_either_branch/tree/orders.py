from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders") as orders:
    a = EmptyOperator(task_id="a")
    b = EmptyOperator(task_id="b")
    if orders.catchup:
        a >> b
    else:
        b >> a
