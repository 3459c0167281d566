# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6db54edd76588af3a81e91de2cc8aa3f115db7934e5bf23fc45a8beaa8e1d28d
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "Ann, Bob"},
    tags=["domain:sales"],
    owner_links={"Bob": "mailto:bob@example.com"},
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
