# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:a3bddda6a7b0de6bc9c6f5d39cae6813360f417f801c36c6822ee99008edf829
# step types: bash 1.0.0

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import datetime

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("15 2 * * MON-FRI", timezone="Europe/Berlin"),
    start_date=datetime(2024, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
