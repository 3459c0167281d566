# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4b3b138d4c2850d705234085d8382c9b5b56af0edfe531c5506e9db5d5f90a76
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.microsoft.azure.transfers.gcs_to_wasb import GCSToAzureBlobStorageOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToAzureBlobStorageOperator(
        task_id="move",
        gcs_bucket="lake",
        prefix="a",
        gcp_conn_id="gcp",
        container_name="lake",
        blob_prefix="a",
        wasb_conn_id="blobs",
        replace=True,
    )
