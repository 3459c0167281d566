# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:f5577b11b5b2a14d88fe71b20b9d49aec8a456e7f0da6d5b99b2c6f0c188a58f
# step types: transfer 1.1.0

from airflow.providers.google.cloud.transfers.s3_to_gcs import S3ToGCSOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = S3ToGCSOperator(
        task_id="move",
        bucket="lake",
        prefix="orders/",
        dest_gcs="gs://copy/orders/",
        replace=True,
        aws_conn_id="aws",
        gcp_conn_id="gcp",
    )
