# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:43fd36a3f81993db4e66bfd208cd660112156b3dcdbf64e10e62b9455d101f5f
# step types: bash 1.0.0

from datetime import timedelta as datetime_timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
