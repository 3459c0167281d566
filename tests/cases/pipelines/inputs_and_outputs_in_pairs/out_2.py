# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:b38c054751c7f5efa39eb4e545014168815414589bec3fe83408e2bc461cd61f
# step types: ingestion 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
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
    with TaskGroup("load", tooltip="Both tables") as load:
        load_orders = GenericTransfer(
            task_id="orders",
            source_conn_id="shop",
            destination_conn_id="dw",
            sql="SELECT * FROM orders",
            destination_table="orders",
            retries=2,
            doc_md="Both tables",
        )
        load_customers = GenericTransfer(
            task_id="customers",
            source_conn_id="shop",
            destination_conn_id="dw",
            sql="SELECT * FROM customers",
            destination_table="customers",
            retries=2,
            doc_md="Both tables",
        )

        load_orders >> load_customers
