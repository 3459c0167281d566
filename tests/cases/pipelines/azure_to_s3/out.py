# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:3276a67311a7a7115cf8836b3071e4c8072f3676d7f6391218e7dcb1d3e2a3c7
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.azure_blob_to_s3 import AzureBlobStorageToS3Operator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = AzureBlobStorageToS3Operator(
        task_id="move",
        container_name="lake",
        prefix="a",
        dest_s3_key="s3://copy/a",
        replace=True,
        wasb_conn_id="blobs",
        aws_conn_id="aws",
    )
