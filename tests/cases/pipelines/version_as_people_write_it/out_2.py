# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:08ed72d37bced8d88bc3ff5750cb49893b13765674e9583bb61c8c16d6b13b7e
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
    tags=["domain:sales", "version:1.0.0"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
