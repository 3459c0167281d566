# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:87a9185e73346b4d92e09c29c08a19fc38cc2945a15bf43345d349a3a1506a3c
# step types: sql 1.0.0

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    top = SQLExecuteQueryOperator.partial(task_id="top", conn_id="warehouse", sql="select %(n)s").expand(
        parameters=[{"n": 1}, {"n": 2}],
    )
