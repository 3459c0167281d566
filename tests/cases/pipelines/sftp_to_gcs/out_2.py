# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4a85d739d59d67c2e18cef731fb31380108aa0ea2afd176527afe62f0e219d90
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.sftp_to_gcs import SFTPToGCSOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = SFTPToGCSOperator(
        task_id="move",
        source_path="/out/a.csv",
        sftp_conn_id="partner",
        destination_bucket="lake",
        destination_path="a.csv",
        gcp_conn_id="gcp",
    )
