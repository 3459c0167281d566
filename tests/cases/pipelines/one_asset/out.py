# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:f6fa3fab03c549e549ac6e56fb0ea3c2fa4bf043ea81acad94658a32348329f0
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

with DAG(
    "sales.orders",
    schedule=[Asset("s3://lake/orders")],
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
