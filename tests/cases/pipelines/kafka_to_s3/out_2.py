# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:11bc33fb8d50468bbfb70a784406e367eacd6eee799014b3df9f27fd9273add0
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CreateObjectOperator
from airflow.providers.apache.kafka.operators.consume import ConsumeFromTopicOperator
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
        )
        move_load = S3CreateObjectOperator(
            task_id="load",
            s3_bucket="lake",
            s3_key="orders/{{ ds }}.jsonl",
            data="{{ ti.xcom_pull(task_ids='move.fetch') | join('\\n') }}",
            replace=True,
        )

        move_fetch >> move_load
