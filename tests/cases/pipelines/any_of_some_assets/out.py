# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:a80c6785fc0470ae9e36fbc3ae70717e531069292ffb22296b42446b6c0779b5
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

with DAG(
    "sales.orders",
    schedule=Asset("s3://lake/orders") | Asset("s3://lake/customers") | Asset("s3://lake/rates"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
