# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:9e41332837f5a621faf30bbe3434ece736ca9d849372b301fdd57f9554464a3a
# step types: sensor 1.0.0

from datetime import timedelta

from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    wait = ExternalTaskSensor(
        task_id="wait",
        external_dag_id="finance.rates",
        external_task_id="load",
        execution_delta=timedelta(hours=1),
        deferrable=True,
    )
