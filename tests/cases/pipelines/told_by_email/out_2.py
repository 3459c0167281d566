# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:85309d6e4a4fe0b3316a5e703e712f08b11451e3e44f10fe378fca64fac9cebc
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    on_failure_callback=[
        SmtpNotifier(
            subject="Orders",
            html_content="Look",
            to=["ann@example.com", "bob@example.com"],
            from_email="airflow@example.com",
            smtp_conn_id="mail",
        ),
    ],
    on_success_callback=[
        SmtpNotifier(
            subject="sales.orders succeeded: {{ run_id }}",
            html_content="sales.orders succeeded: {{ run_id }}",
            to="ann@example.com",
        ),
    ],
):
    # src: pipelines/in.yaml:9
    load = BashOperator(task_id="load", bash_command="true")
