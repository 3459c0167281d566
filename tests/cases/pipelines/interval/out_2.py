# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:2039485a2423e74de332734ab8640aaf033ddbd085e86a07ca98a9b13a90c30f
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.timetables.trigger import DeltaTriggerTimetable

with DAG(
    "sales.orders",
    schedule=DeltaTriggerTimetable(timedelta(hours=1, minutes=30)),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
