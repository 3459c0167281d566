# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c6a5008d5b11111c661447cb7a70ae01970aed7730d8c53397ad16870eb76b92
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    max_active_runs=1,
    max_active_tasks=4,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=6),
):
    # src: pipelines/in.yaml:9
    load = BashOperator(task_id="load", bash_command="true")
