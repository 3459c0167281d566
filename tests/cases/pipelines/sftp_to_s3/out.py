# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:313bc2dd269d8ce2ea3ef59afe666812415cb8eb210e23c915f7bdbdca4f1b19
# step types: transfer 1.1.0

from airflow.providers.amazon.aws.transfers.sftp_to_s3 import SFTPToS3Operator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = SFTPToS3Operator(
        task_id="move",
        sftp_path="/out/a.csv",
        sftp_conn_id="partner",
        s3_bucket="lake",
        s3_key="a.csv",
        aws_conn_id="aws",
        replace=True,
    )
