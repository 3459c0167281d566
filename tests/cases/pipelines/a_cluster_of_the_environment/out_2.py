# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:a29a84354199e5f8ecd0c0e1545d990447fce23582b78d63793e9f1a0766175a
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales", "pool": "etl", "queue": "large"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(task_id="load", bash_command="true")
