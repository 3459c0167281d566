# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:23a23916d54a56bc10e7c9c20a1fa0c71cffc462af5842055ae4388c9904074c
# step types: transfer 1.1.0

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, TaskGroup

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    with TaskGroup("move") as move:
        move_fetch = HttpOperator(
            task_id="fetch",
            http_conn_id="api",
            method="GET",
            endpoint="/orders?day={{ ds }}",
            headers={"Accept": "application/json"},
        )
        move_load = SQLExecuteQueryOperator(
            task_id="load",
            conn_id="dw",
            sql="INSERT INTO raw.orders SELECT * FROM json_populate_recordset(NULL::raw.orders, %(rows)s::json)",
            parameters={"rows": "{{ ti.xcom_pull(task_ids='move.fetch') }}"},
        )

        move_fetch >> move_load
