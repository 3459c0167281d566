# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8aceff39a00c46859ec9154a612899d5dbc2dc4995d0b493d2a04dd4e5a5ecf0
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("15 2 * * *", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
