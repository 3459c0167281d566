# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0efc1c062d0d0673a544029ec14b7ad6e719b15880bbe7d90c2d47afab6b506d
# step types: slack 1.0.0

from airflow.providers.slack.operators.slack import SlackAPIPostOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    tell = SlackAPIPostOperator(task_id="tell", channel="#data", text="Done: {{ ds }}")
