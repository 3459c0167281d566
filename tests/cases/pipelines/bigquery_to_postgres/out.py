# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:2bcdc87333acab45d0a6fd7b7b8a5caeedbdb2d1d08ef2e018d595587426ba78
# step types: transfer 1.1.0

from airflow.providers.google.cloud.transfers.bigquery_to_postgres import BigQueryToPostgresOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = BigQueryToPostgresOperator(
        task_id="move",
        dataset_table="sales.orders",
        target_table_name="orders",
        postgres_conn_id="dw",
        gcp_conn_id="gcp",
    )
