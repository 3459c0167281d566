# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:7ae4c0b18303716865d65a797ab8bd2b23316c7423895cdfb8ae0c9816e1317b
# step types: sensor 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.http.sensors.http import HttpSensor

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    wait = HttpSensor(task_id="wait", http_conn_id="api", endpoint="/ready")
