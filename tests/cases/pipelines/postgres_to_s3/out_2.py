# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:857521eed8526145b9613e8225fbaddfe37eb07f0a3eee5f95dc77c63f5d9a80
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.transfers.sql_to_s3 import SqlToS3Operator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
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
        s3_key="orders/{{ ds }}.parquet",
        file_format="parquet",
        replace=True,
        aws_conn_id="aws",
    )
