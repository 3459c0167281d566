# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:e6abee9a924fe27683114609ec4983fef8f90dbcd676b485c07788086450e005
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.s3_to_sftp import S3ToSFTPOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = S3ToSFTPOperator(
        task_id="move",
        s3_bucket="lake",
        s3_key="a.csv",
        aws_conn_id="aws",
        sftp_path="/in/a.csv",
        sftp_conn_id="partner",
    )
