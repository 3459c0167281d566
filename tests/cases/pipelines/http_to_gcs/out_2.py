# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:46669b030d7203f3d1ee60419bd0248e62faabb8311f297e32ecc5faf32dccb8
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.http_to_gcs import HttpToGCSOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = HttpToGCSOperator(
        task_id="move",
        endpoint="/orders",
        http_conn_id="api",
        bucket_name="lake",
        object_name="orders.json",
        gcp_conn_id="gcp",
    )
