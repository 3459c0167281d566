# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:cbe72adf5314372c14a70de3773b64a29033629d2a74ab7dfe344089905558eb
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator
from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    load = BashOperator(
        task_id="load",
        bash_command="true",
        on_failure_callback=[SlackNotifier(text="{{ ti.task_id }}", channel="#data")],
        on_success_callback=[
            SlackNotifier(text="sales.orders load succeeded: {{ run_id }}", channel="#ok"),
        ],
        on_retry_callback=[
            SmtpNotifier(
                subject="sales.orders load is tried again: {{ run_id }}",
                html_content="sales.orders load is tried again: {{ run_id }}",
                to="ann@example.com",
            ),
        ],
    )
