# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:520278c04bf832e8ceeb458f093d1aed444525b667ad5b3981170970c4afb46a
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
    tags=["domain:sales", "version:2.0.0", "nightly", "finance"],
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
