# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c69e904be55aedaafcbaec252b2ebf829b7039c047ef7caf0ddeb233a88e174f
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable, Param

with DAG(
    "sales.orders",
    schedule=CronTriggerTimetable("@daily", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales"},
    params={"day": Param("2026-01-01", type="string")},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:8
    load = BashOperator(task_id="load", bash_command="true")
