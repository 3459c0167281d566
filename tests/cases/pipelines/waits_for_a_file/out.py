# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:b4d26dc846dc173d188c6264a9a29621b4f49eb7b14a32b5c9816613f9dc11a5
# step types: sensor 1.0.0

from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    wait = FileSensor(
        task_id="wait",
        filepath="/data/{{ ds }}.csv",
        mode="reschedule",
        soft_fail=True,
        poke_interval=60,
        timeout=21600,
    )
