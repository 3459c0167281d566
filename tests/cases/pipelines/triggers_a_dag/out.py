# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:42e8fb8b86b5925ec0e71a74f2397dbd13d3dc704893c8b61f550599bb09add6
# step types: trigger_dag 1.0.0

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    go = TriggerDagRunOperator(
        task_id="go",
        trigger_dag_id="sales.report",
        conf={"day": "{{ ds }}"},
        wait_for_completion=True,
        deferrable=True,
        reset_dag_run=True,
        poke_interval=30,
    )
