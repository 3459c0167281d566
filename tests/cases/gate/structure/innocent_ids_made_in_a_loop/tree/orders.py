from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

for name in ("a", "b"):
    with DAG(f"orders_{name}"):
        EmptyOperator(task_id="load")
        for table in ("x", "y"):
            with TaskGroup(f"group_{table}"):
                EmptyOperator(task_id="load")
