# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 2; input sha256:5dc9989fd32b1d4141733371046852cd11a2d871769ee372325df95394ad1df9
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
