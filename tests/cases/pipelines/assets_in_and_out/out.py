# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:56672549525aa2744325bcc2cf08b7fef703c46796968240dda8d177dd2cb806
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(
        task_id="load",
        bash_command="true",
        inlets=[Asset("s3://lake/raw")],
        outlets=[Asset(name="orders", uri="s3://lake/orders"), Asset("s3://lake/log")],
    )
