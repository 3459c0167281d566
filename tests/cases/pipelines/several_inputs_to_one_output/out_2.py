# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:0853487dd6dc25c6369a0f25412d32f1da58d7297e2c64e4df893f4aa5d937c8
# step types: ingestion 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.http.operators.http import HttpOperator
from airflow.utils.task_group import TaskGroup

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    with TaskGroup("load") as load:
        load_eu_fetch = HttpOperator(
            task_id="eu-fetch",
            http_conn_id="eu",
            method="GET",
            endpoint="/orders",
        )
        load_eu_load = SQLExecuteQueryOperator(
            task_id="eu-load",
            conn_id="dw",
            sql="INSERT INTO orders SELECT * FROM json_populate_recordset(NULL::orders, %(rows)s::json)",
            parameters={"rows": "{{ ti.xcom_pull(task_ids='load.eu-fetch') }}"},
        )
        load_us_fetch = HttpOperator(
            task_id="us-fetch",
            http_conn_id="us",
            method="GET",
            endpoint="/orders",
        )
        load_us_load = SQLExecuteQueryOperator(
            task_id="us-load",
            conn_id="dw",
            sql="INSERT INTO orders SELECT * FROM json_populate_recordset(NULL::orders, %(rows)s::json)",
            parameters={"rows": "{{ ti.xcom_pull(task_ids='load.us-fetch') }}"},
        )

        load_eu_fetch >> load_eu_load
        load_eu_load >> load_us_fetch
        load_us_fetch >> load_us_load
