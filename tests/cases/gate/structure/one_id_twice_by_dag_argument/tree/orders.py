from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

orders = DAG("orders")
a = EmptyOperator(task_id="load", dag=orders)
b = EmptyOperator(task_id="load", dag=orders)  # again
