# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0efc1c062d0d0673a544029ec14b7ad6e719b15880bbe7d90c2d47afab6b506d
# step types: slack 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.slack.operators.slack import SlackAPIPostOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    tell = SlackAPIPostOperator(task_id="tell", channel="#data", text="Done: {{ ds }}")
