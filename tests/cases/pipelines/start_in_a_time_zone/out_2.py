# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:094cd41364d67c146c1e317af3667398efaa077e6c95e96ac0d073b380f022d8
# step types: bash 1.0.0

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import datetime

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="America/New_York"),
    start_date=datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
