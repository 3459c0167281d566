# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0d856c43d0afdd3bc42b599cc02510b3f3dd135939cbde1ab8685d8678841d4a
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.timetables.trigger import CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales", "retries": 5, "execution_timeout": timedelta(hours=1)},
    tags=["domain:sales"],
    is_paused_upon_creation=True,
):
    # src: pipelines/in.yaml:15
    load = BashOperator(task_id="load", bash_command="load eu large")
