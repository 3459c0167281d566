# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8842b34707f353ae2ac6bffcfee57a47dff02f25a1ce0746c740011da4e89f79
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    doc_md="# Orders\n\nEvery night.\n",
):
    # src: pipelines/in.yaml:10
    load = BashOperator(task_id="load", bash_command="true")
