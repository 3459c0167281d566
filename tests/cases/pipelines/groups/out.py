# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c0efee89667d1cf76ad8409f5ed70330b017b13a76d54b5679e3d59ed88f58ad
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, TaskGroup

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    with TaskGroup("extract") as extract_group:
        # src: pipelines/in.yaml:6
        a = BashOperator(task_id="a", bash_command="true")

        # src: pipelines/in.yaml:7
        b = BashOperator(task_id="b", bash_command="true")

    # src: pipelines/in.yaml:8
    c = BashOperator(task_id="c", bash_command="true")

    extract_group >> c
