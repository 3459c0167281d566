# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:2036ffd85bca219553d292a4b31d2d03a4f63b20969963850fc319ca9c9b1065
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.bigquery_to_gcs import BigQueryToGCSOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = BigQueryToGCSOperator(
        task_id="move",
        source_project_dataset_table="company.sales.orders",
        destination_cloud_storage_uris=["gs://lake/a.parquet"],
        export_format="PARQUET",
        gcp_conn_id="gcp",
    )
