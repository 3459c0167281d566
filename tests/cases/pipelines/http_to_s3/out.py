# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:dc5a6d229c2a87af5461b9dab41bf2669a03b4ccd136673fdd07833149aca350
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = HttpToS3Operator(
        task_id="move",
        endpoint="/orders",
        http_conn_id="api",
        s3_bucket="lake",
        s3_key="orders.json",
        replace=True,
    )
