# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:56672549525aa2744325bcc2cf08b7fef703c46796968240dda8d177dd2cb806
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.datasets import Dataset
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
    # src: pipelines/in.yaml:6
    load = BashOperator(
        task_id="load",
        bash_command="true",
        inlets=[Dataset("s3://lake/raw")],
        outlets=[Dataset("s3://lake/orders"), Dataset("s3://lake/log")],
    )
