# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:1ac1b7904950888b0129fd2dced1ccb404b56d3029200df545e87505126fa529
# step types: ingestion 1.1.0, transfer 1.1.0

from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator
from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator
from airflow.providers.google.cloud.transfers.bigquery_to_gcs import BigQueryToGCSOperator
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
    copy = GCSToBigQueryOperator(
        task_id="copy",
        bucket="lake",
        source_objects=["a.csv"],
        destination_project_dataset_table="sales.orders",
        source_format="CSV",
        write_disposition="WRITE_APPEND",
        gcp_conn_id="google",
    )

    # src: pipelines/in.yaml:10
    named = BigQueryToGCSOperator(
        task_id="named",
        source_project_dataset_table="sales.orders",
        destination_cloud_storage_uris=["gs://lake/b.csv"],
        export_format="CSV",
        gcp_conn_id="google",
    )

    # src: pipelines/in.yaml:14
    neither = S3CopyObjectOperator(
        task_id="neither",
        source_bucket_name="lake",
        source_bucket_key="a",
        dest_bucket_name="pond",
        dest_bucket_key="a",
    )

    # src: pipelines/in.yaml:18
    web = HttpToS3Operator(
        task_id="web",
        endpoint="/orders",
        http_conn_id="http_api",
        s3_bucket="lake",
        s3_key="orders.json",
        replace=True,
    )
