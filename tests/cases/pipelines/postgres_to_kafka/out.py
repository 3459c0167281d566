# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:aac530e18962f36cf86ee3bbdd137233c2fee6721ab86f303796d3bdbf5d59c6
# step types: transfer 1.1.0

from airflow.providers.apache.kafka.operators.produce import ProduceToTopicOperator
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
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
        move_fetch = SQLExecuteQueryOperator(
            task_id="fetch",
            conn_id="shop",
            sql="SELECT row_to_json(r)::text FROM (SELECT id, city FROM orders WHERE day = '{{ ds }}') r",
        )
        move_load = ProduceToTopicOperator(
            task_id="load",
            topic="orders",
            producer_function="json.loads",
            producer_function_args=[
                (
                    "[{% for row in ti.xcom_pull(task_ids='move.fetch') %}[null, {{ row[0] | "
                    "tojson }}]{{ ', ' if not loop.last }}{% endfor %}]"
                ),
            ],
            kafka_config_id="events",
        )

        move_fetch >> move_load
