# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:9ebf40d332f2f5acde132cc1f9a3524f47f3b8fb5ed210cdcbcd13397b47e14a
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
    load = BashOperator(task_id="load", bash_command="echo ${HOME} ${vars.x} $(date) {{ ds }}")
