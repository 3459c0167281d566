# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:520278c04bf832e8ceeb458f093d1aed444525b667ad5b3981170970c4afb46a
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales", "version:2.0.0", "nightly", "finance"],
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
