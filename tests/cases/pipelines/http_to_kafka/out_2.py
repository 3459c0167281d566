# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:7bbb9a4a79fda16cfba4379fd0cc7c6ca607dabd8933deeee65951d8c7577726
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.apache.kafka.operators.produce import ProduceToTopicOperator
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
    with TaskGroup("move") as move:
        move_fetch = HttpOperator(
            task_id="fetch",
            http_conn_id="api",
            method="GET",
            endpoint="/orders",
        )
        move_load = ProduceToTopicOperator(
            task_id="load",
            topic="orders",
            producer_function="json.loads",
            producer_function_args=[
                (
                    "[{% for row in macros.json.loads(ti.xcom_pull(task_ids='move.fetch')) "
                    "%}[null, {{ row | tojson | tojson }}]{{ ', ' if not loop.last }}{% endfor %}]"
                ),
            ],
        )

        move_fetch >> move_load
