# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:1023977ecf17e8b36c0f7514e5f3e87f82a1bfd1137ce7006cf6bbc190d53a69
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
