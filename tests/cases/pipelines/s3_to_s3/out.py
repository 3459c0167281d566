# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 2; input sha256:1b2d8593386d30ad81b2fa6f4a8827ae9d809fc67062854d2175a95517d0b56f
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
