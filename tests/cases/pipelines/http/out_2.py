# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8cacb112319af8832328477e9663c89f6cdac993e4cf97392d67bcfc9368db75
# step types: http 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.http.operators.http import HttpOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    ask = HttpOperator(
        task_id="ask",
        method="POST",
        http_conn_id="api",
        endpoint="/v1/orders",
        data={"day": "{{ ds }}"},
        headers={"Accept": "application/json"},
        log_response=True,
    )
