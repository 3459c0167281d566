# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4bdce2fcc7d1d21e73abc2f47129bdf1695294eae6b3b9029452df629328d742
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, AsyncCallback, CronTriggerTimetable, DeadlineAlert, DeadlineReference

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("@daily", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=2),
        callback=AsyncCallback(
            SlackNotifier,
            kwargs={"text": "sales.orders has not ended within 2h", "channel": "#data"},
        ),
    ),
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
