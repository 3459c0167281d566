# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:1260d1675d4ff5e8a2861b978f3e4991162b39a20f39c32648953b5d9446d6a5
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
    b = BashOperator(task_id="b", bash_command="true")

    # src: pipelines/in.yaml:8
    c = BashOperator(task_id="c", bash_command="true")

    [a, b] >> c
