# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8eb78524b44acb4472361a66590c4b4e7b600a81b2189d8f31f81e17b04f472b
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.microsoft.azure.transfers.sftp_to_wasb import SFTPToWasbOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = SFTPToWasbOperator(
        task_id="move",
        sftp_source_path="/out/a.csv",
        sftp_conn_id="partner",
        container_name="lake",
        blob_prefix="a",
        wasb_conn_id="blobs",
        wasb_overwrite_object=True,
    )
