# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6db54edd76588af3a81e91de2cc8aa3f115db7934e5bf23fc45a8beaa8e1d28d
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "Ann, Bob"},
    tags=["domain:sales"],
    owner_links={"Bob": "mailto:bob@example.com"},
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
