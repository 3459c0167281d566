# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:34257e643a40182c0502088f37d4e3d681b1a6951afc83026beb367d0cfeddfd
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    description="Orders of eu",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales", "retries": 4},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:9
    load = BashOperator(task_id="load", bash_command="load eu 4")
