# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:e526fbf0ddfd024b496cca755380f1a6a87e0825377035d952a9da212831ca6b
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={
        "owner": "sales",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(hours=2),
        "pool": "etl",
        "queue": "big",
        "priority_weight": 5,
        "trigger_rule": "all_done",
        "depends_on_past": True,
    },
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
