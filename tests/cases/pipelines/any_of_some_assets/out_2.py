# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:a80c6785fc0470ae9e36fbc3ae70717e531069292ffb22296b42446b6c0779b5
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.datasets import Dataset
from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=(
        Dataset("s3://lake/orders")
        | Dataset("s3://lake/customers")
        | Dataset("s3://lake/rates")
    ),
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
