# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:3fb6dbb8dd2725a6d8ce6adb22abe1632738e7dc35938d7c266e962ab000293b
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = S3CopyObjectOperator(
        task_id="move",
        source_bucket_name="lake",
        source_bucket_key="a.csv",
        aws_conn_id="aws",
        dest_bucket_name="copy",
        dest_bucket_key="b.csv",
    )
