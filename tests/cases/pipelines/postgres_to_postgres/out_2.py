# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0038af60b9a6b7e42dff3876bef4d8dd65c32371f47bc3c41270d97e2eef18b9
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GenericTransfer(
        task_id="move",
        source_conn_id="shop",
        destination_conn_id="dw",
        sql="SELECT * FROM orders",
        destination_table="analytics.orders",
        preoperator="DELETE FROM analytics.orders",
    )
