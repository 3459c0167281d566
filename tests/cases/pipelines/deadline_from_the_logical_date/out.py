# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c573045fb35cf98cc0631150e115a0ca1d2ef508bb9387bb7c4c9dd48165dbb4
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, AsyncCallback, CronTriggerTimetable, DeadlineAlert, DeadlineReference

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("@daily", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(minutes=90),
        callback=AsyncCallback(
            SmtpNotifier,
            kwargs={
                "subject": "sales.orders has not ended within 90m",
                "html_content": "sales.orders has not ended within 90m",
                "to": "ann@example.com",
            },
        ),
    ),
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
