# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:4844011accb7f1d55dee3fd73c72ac3678ecd5403f7fc2441d666fd83a0e86ee
# step types: ingestion 1.1.0

from airflow.providers.common.sql.operators.generic_transfer import GenericTransfer
from airflow.sdk import DAG, CronTriggerTimetable

with DAG(
    "orders_to_warehouse",
    description="Orders of the day before, for the warehouse",
    schedule=CronTriggerTimetable("15 2 * * *", timezone="UTC"),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales", "version:1.0.0"],
):
    # src: pipelines/in.yaml:8
    extract_and_load = GenericTransfer(
        task_id="extract-and-load",
        source_conn_id="postgres_db_example_com_shop",
        destination_conn_id="snowflake_dw",
        sql="SELECT * FROM orders",
        destination_table="analytics.orders",
        doc_md="Copies the orders",
    )
