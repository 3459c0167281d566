# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:530047b37fa5843c45389f6a99e7073f1dbf64fc38a43b320d9e97d128032422
# step types: bash 1.0.0

from airflow.datasets import Dataset
from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.timetables.datasets import DatasetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import datetime

with DAG(
    "sales.orders",
    schedule=DatasetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 6 * * *", timezone="Europe/Paris"),
        datasets=Dataset("s3://lake/orders") & Dataset("s3://lake/customers"),
    ),
    start_date=datetime(2024, 1, 1, tz="Europe/Paris"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
