# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8c3344d55b53af06d12250be92eb3e1b9077449dfd9b32fe3371bb6ca7cc2c09
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(task_id="load", bash_command="true")
