# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6152bb58796d2e5e827087c51e798e1ade39bba03c00edc29fc4ad8b98b88a2b
# step types: sensor 1.0.0

from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    wait = SqlSensor(task_id="wait", conn_id="warehouse", sql="select count(*) from orders")
