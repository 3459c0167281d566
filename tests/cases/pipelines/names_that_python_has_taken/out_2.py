# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:43fd36a3f81993db4e66bfd208cd660112156b3dcdbf64e10e62b9455d101f5f
# step types: bash 1.0.0

from datetime import datetime, timedelta as datetime_timedelta, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    step_import = BashOperator(task_id="import", bash_command="true")

    # src: pipelines/in.yaml:7
    step_2024 = BashOperator(task_id="2024", bash_command="true")

    # src: pipelines/in.yaml:8
    dag = BashOperator(task_id="DAG", bash_command="true")

    # src: pipelines/in.yaml:9
    timedelta = BashOperator(
        task_id="timedelta",
        bash_command="true",
        execution_timeout=datetime_timedelta(minutes=1),
    )

    # src: pipelines/in.yaml:10
    a_b = BashOperator(task_id="a-b", bash_command="true")

    # src: pipelines/in.yaml:11
    a_b_2 = BashOperator(task_id="a_b", bash_command="true")

    # src: pipelines/in.yaml:12
    bashoperator = BashOperator(task_id="bashoperator", bash_command="true")

    step_import >> step_2024
