# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:d236d9ecc6254a06a89b4394efcf0923da0902ccc9aec97c6c57b15a98d086a7
# step types: transfer 1.1.0

from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GenericTransfer(
        task_id="move",
        source_conn_id="shop",
        destination_conn_id="dw",
        sql="select id, total from orders where day = '{{ ds }}'",
        destination_table="analytics.orders",
    )
