# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:95efad9b51e7e3d20b7d88a8477581af90223cb40bcd476689a11d88915f4c29
# step types: transfer 1.1.0

from airflow.providers.google.cloud.transfers.gcs_to_bigquery import GCSToBigQueryOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToBigQueryOperator(
        task_id="move",
        bucket="lake",
        source_objects=["a.csv"],
        destination_project_dataset_table="sales.orders",
        source_format="PARQUET",
        write_disposition="WRITE_TRUNCATE",
        gcp_conn_id="gcp",
    )
