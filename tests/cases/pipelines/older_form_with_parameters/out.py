# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4cc911ecd15a49691a1c4274dc41299097c8daba60ca638c24bb1ce90b289abf
# step types: bash 1.0.0

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

with DAG(
    "nightly",
    schedule=None,
    catchup=False,
    default_args={"owner": "Ann, Bob"},
    params={"day": Param("2026-01-01"), "limit": Param(5)},
    owner_links={"Bob": "mailto:bob@example.com"},
    on_failure_callback=[
        SmtpNotifier(
            subject="nightly failed: {{ run_id }}",
            html_content="nightly failed: {{ run_id }}",
            to="ann@example.com",
        ),
    ],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")

    # src: pipelines/in.yaml:8
    then = BashOperator(task_id="then", bash_command="true")

    load >> then
