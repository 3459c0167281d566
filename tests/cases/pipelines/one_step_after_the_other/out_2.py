# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:23ca793b1b965b294656dc09fbcb5cc52a09a7e3cdb2c56fe8755d1193d18408
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
    # src: pipelines/in.yaml:7
    a = BashOperator(task_id="a", bash_command="true")

    # src: pipelines/in.yaml:8
    b = BashOperator(task_id="b", bash_command="true")

    # src: pipelines/in.yaml:9
    c = BashOperator(task_id="c", bash_command="true")

    a >> b
    b >> c
