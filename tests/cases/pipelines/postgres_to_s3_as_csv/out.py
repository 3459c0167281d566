# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:fdd3c5e364ef7046a399cbd651ef8a104c2ccccbd44de4bf376c8f0edd10410e
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.sql_to_s3 import SqlToS3Operator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = SqlToS3Operator(
        task_id="move",
        sql_conn_id="shop",
        query="SELECT * FROM orders",
        s3_bucket="lake",
        s3_key="orders.csv",
        file_format="csv",
        replace=True,
        df_kwargs={"index": False},
    )
