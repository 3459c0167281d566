# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6fb9f0e045ef7b046afc0e4d1ddc7892db765be6e91cc6f3241ef9d0e626123b
# step types: transfer 1.1.0

from airflow.providers.microsoft.azure.transfers.s3_to_wasb import S3ToAzureBlobStorageOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = S3ToAzureBlobStorageOperator(
        task_id="move",
        s3_bucket="lake",
        s3_key="a.csv",
        aws_conn_id="aws",
        container_name="lake",
        blob_name="a.csv",
        wasb_conn_id="blobs",
        replace=True,
    )
