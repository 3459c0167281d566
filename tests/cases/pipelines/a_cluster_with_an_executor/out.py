# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:5a1b7ae8e717c8f234ebe0900233ec41d92835e463032c09736a2834275bd940
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales", "executor": "LocalExecutor"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(task_id="load", bash_command="true")
