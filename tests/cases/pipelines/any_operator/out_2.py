# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:f0ab93cb11ef03203344888fb213e1dc2dd86324db991c98b367777a83e79700
# step types: operator 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.sftp.operators.sftp import SFTPOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    copy = SFTPOperator(
        task_id="copy",
        ssh_conn_id="partner",
        local_filepath="/tmp/a",
        remote_filepath="/in/a",
        operation="get",
    )
