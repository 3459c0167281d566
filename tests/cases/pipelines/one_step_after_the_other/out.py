# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:23ca793b1b965b294656dc09fbcb5cc52a09a7e3cdb2c56fe8755d1193d18408
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
    # src: pipelines/in.yaml:7
    a = BashOperator(task_id="a", bash_command="true")

    # src: pipelines/in.yaml:8
    b = BashOperator(task_id="b", bash_command="true")

    # src: pipelines/in.yaml:9
    c = BashOperator(task_id="c", bash_command="true")

    a >> b
    b >> c
