# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:708892a11e0ed5c2717f1e3fecd171e2f368f7e1b6178cab8b3dfe491c5c28a5
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.postgres_to_gcs import PostgresToGCSOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = PostgresToGCSOperator(
        task_id="move",
        postgres_conn_id="shop",
        sql="SELECT * FROM orders",
        bucket="lake",
        filename="orders.json",
        export_format="json",
    )
