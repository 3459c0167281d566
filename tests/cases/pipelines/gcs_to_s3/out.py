# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:e37142478db529908ad63c5739d56ab48dddd862a16640e205079aa05467d279
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.gcs_to_s3 import GCSToS3Operator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToS3Operator(
        task_id="move",
        gcs_bucket="lake",
        prefix="orders/",
        dest_s3_key="s3://copy/orders/",
        replace=True,
        gcp_conn_id="gcp",
        dest_aws_conn_id="aws",
    )
