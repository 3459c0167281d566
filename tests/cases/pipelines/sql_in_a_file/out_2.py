# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:d3128bbbfe5bba644b251c38b3bda2b0d4a8d0ebb96eb77b3e688dbe13c5fff5
# step types: sql 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    top = SQLExecuteQueryOperator(task_id="top", conn_id="warehouse", sql="sql/top.sql")
