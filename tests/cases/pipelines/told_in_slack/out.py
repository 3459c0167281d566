# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:018f69fb9d7ce886f85d7fc6e4f8145ac6cffd2e145928a37429e8c8014b3a21
# step types: bash 1.0.0

from airflow.providers.slack.notifications.slack import SlackNotifier
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
    on_failure_callback=[
        SlackNotifier(
            text="sales.orders failed: {{ run_id }}",
            slack_conn_id="chat",
            channel="#data",
        ),
    ],
):
    # src: pipelines/in.yaml:7
    load = BashOperator(task_id="load", bash_command="true")
