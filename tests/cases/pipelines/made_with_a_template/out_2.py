# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4a542e55c17785e1d20ddd89aadfc6f62da171bbee670975c8d3cf0b1875fba2
# template copy@1.0.0; sha256:7766970f993e6ea72cc7d7d8f346c1c44b9ad151886c5e93bd8fce62dc8ad214
# step types: bash 1.0.0

from datetime import datetime, timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.timetables.trigger import CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales", "retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["domain:sales"],
    on_failure_callback=[SlackNotifier(text="sales.orders failed: {{ run_id }}", channel="#data")],
):
    # src: pipelines/in.yaml:5, templates/copy/1.0.0/template.yaml:20
    begin = BashOperator(task_id="begin", bash_command="echo shop to warehouse, ${with.nothing}")

    # src: pipelines/in.yaml:5, templates/copy/1.0.0/template.yaml:21
    copy = BashOperator.partial(task_id="copy", env={"TARGET": "warehouse"}).expand(
        bash_command=["load.sh", "check.sh"],
    )

    begin >> copy
