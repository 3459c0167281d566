# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c69e904be55aedaafcbaec252b2ebf829b7039c047ef7caf0ddeb233a88e174f
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.models.param import Param
from airflow.operators.bash import BashOperator
from airflow.timetables.trigger import CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("@daily", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    params={"day": Param("2026-01-01", type="string")},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
