# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:861105f427a42e6cfd5a60b3883610aedc787ed12ca114871a38778a6d585a79
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
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
