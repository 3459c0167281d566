# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:e52b660a24cecdef767dd2d556a22b88e2f8c1f4abbc6043f06da2cb4b8c0355
# step types: python 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.python import PythonOperator

from company.orders import days as orders_days, load as orders_load

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    days = PythonOperator(task_id="days", python_callable=orders_days)

    # src: pipelines/in.yaml:7
    load = PythonOperator.partial(task_id="load", python_callable=orders_load).expand(
        op_kwargs=days.output,
    )
