# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0d856c43d0afdd3bc42b599cc02510b3f3dd135939cbde1ab8685d8678841d4a
# step types: bash 1.0.0

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("0 1 * * *", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales", "retries": 5, "execution_timeout": timedelta(hours=1)},
    tags=["domain:sales"],
    is_paused_upon_creation=True,
):
    # src: pipelines/in.yaml:15
    load = BashOperator(task_id="load", bash_command="load eu large")
