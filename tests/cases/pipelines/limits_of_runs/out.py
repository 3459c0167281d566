# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c6a5008d5b11111c661447cb7a70ae01970aed7730d8c53397ad16870eb76b92
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
