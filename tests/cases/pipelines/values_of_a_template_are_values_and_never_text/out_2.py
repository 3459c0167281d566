# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6564b31a46c50d99ec16fb8b348d62b9ddd8121c18f7b29e28abd66129c0f259
# template say@1.0.0; sha256:5fe8f0d4f5dc76fac7e1849cbac22a8f5644f99c9edf153fbade2a36f35c6662
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    description='"\nimport os: {{ ds }} ${with.what} ${vars.x} # \'\'\' - &a *b !!python',
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:5, templates/say/1.0.0/template.yaml:8
    say = BashOperator(
        task_id="say",
        bash_command='echo "\nimport os: {{ ds }} ${with.what} ${vars.x} # \'\'\' - &a *b !!python',
    )

    # src: pipelines/in.yaml:5, templates/say/1.0.0/template.yaml:9
    also = BashOperator(
        task_id="also",
        bash_command='"\nimport os: {{ ds }} ${with.what} ${vars.x} # \'\'\' - &a *b !!python',
    )
