# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:861105f427a42e6cfd5a60b3883610aedc787ed12ca114871a38778a6d585a79
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales", "retries": 3, "execution_timeout": timedelta(hours=2)},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(
        task_id="load",
        bash_command="true",
        retries=0,
        execution_timeout=timedelta(minutes=10),
        pool="small",
        pool_slots=2,
    )
