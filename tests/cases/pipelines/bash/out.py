# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:a0ac03a3156ab3cda2da5f1561b7788ea681c23caf034e560623a32dabe58381
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(
        task_id="load",
        bash_command="load --day {{ ds }}",
        env={"REGION": "eu"},
        append_env=True,
        cwd="/tmp",
        skip_on_exit_code=42,
    )
