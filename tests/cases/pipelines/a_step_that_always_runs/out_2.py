# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:d80705d9b4b60e6c26d8e05f34c2ee1601ca35846d1a171ce8e319e8625b2844
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
    # src: pipelines/in.yaml:6
    a = BashOperator(task_id="a", bash_command="true")

    # src: pipelines/in.yaml:7
    b = BashOperator(task_id="b", bash_command="true", trigger_rule="all_done", doc_md="Cleans up")

    a >> b
