# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:8f1109a988eab1a0083ba81ed9fe3d356e02ea40206219c77ea8093b94dfaadc
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.apache.kafka.operators.consume import ConsumeFromTopicOperator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
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
        move_fetch = ConsumeFromTopicOperator(
            task_id="fetch",
            topics=["orders"],
            apply_function=lambda message: message.value() and message.value().decode(),
            return_apply_function_results=True,
            max_messages=500,
            max_batch_size=500,
            poll_timeout=10,
            kafka_config_id="events",
        )
        move_load = SQLExecuteQueryOperator(
            task_id="load",
            conn_id="dw",
            sql=[
                "DELETE FROM analytics.orders",
                (
                    "INSERT INTO analytics.orders SELECT * FROM "
                    "json_populate_recordset(NULL::analytics.orders, %(rows)s::json)"
                ),
            ],
            parameters={"rows": "[{{ ti.xcom_pull(task_ids='move.fetch') | join(',') }}]"},
        )

        move_fetch >> move_load
