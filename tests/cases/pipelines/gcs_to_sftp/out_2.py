# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6f5fd3ff22ea75bbeec92a9e0e26c558237bc1f55e7a9c4178063466351cfe0a
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.gcs_to_sftp import GCSToSFTPOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToSFTPOperator(
        task_id="move",
        source_bucket="lake",
        source_object="a.csv",
        gcp_conn_id="gcp",
        destination_path="/in/a.csv",
        sftp_conn_id="partner",
    )
