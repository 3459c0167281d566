# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:dfafe3569c3b89a3f6983955354c6bc904d429ef73a230e2e29aada276a47701
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.transfers.imap_attachment_to_s3 import ImapAttachmentToS3Operator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = ImapAttachmentToS3Operator(
        task_id="move",
        imap_attachment_name="a.csv",
        imap_mail_folder="Reports",
        imap_conn_id="inbox",
        s3_bucket="lake",
        s3_key="a.csv",
        aws_conn_id="aws",
        s3_overwrite=True,
    )
