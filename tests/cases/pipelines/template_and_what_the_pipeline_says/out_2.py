# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:531f5a1029beb582ececffdf386cd7cedf51b9346d7cbd5326653aa083e4582d
# template copy@1.0.0; sha256:7766970f993e6ea72cc7d7d8f346c1c44b9ad151886c5e93bd8fce62dc8ad214
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.timetables.trigger import CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("15 2 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales", "retries": 5, "retry_delay": timedelta(hours=1)},
    tags=["domain:sales"],
    on_failure_callback=[SlackNotifier(text="sales.orders failed: {{ run_id }}", channel="#sales")],
):
    # src: pipelines/in.yaml:5, templates/copy/1.0.0/template.yaml:20
    begin = BashOperator(task_id="begin", bash_command="echo shop to dw, ${with.nothing}")

    # src: pipelines/in.yaml:5, templates/copy/1.0.0/template.yaml:21
    copy = BashOperator.partial(task_id="copy", env={"TARGET": "dw"}).expand(
        bash_command=["load.sh", "check.sh"],
    )

    # src: pipelines/in.yaml:15
    report = BashOperator(task_id="report", bash_command="report #sales")

    begin >> copy
    copy >> report
