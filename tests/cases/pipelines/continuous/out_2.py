# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:44e26000a1cd98b27c2c5470179f0e9142d35912bd0a819fddca9a918183a32c
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    max_active_runs=1,
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
