# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8842b34707f353ae2ac6bffcfee57a47dff02f25a1ce0746c740011da4e89f79
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
    doc_md="# Orders\n\nEvery night.\n",
):
    # src: pipelines/in.yaml:10
    load = BashOperator(task_id="load", bash_command="true")
