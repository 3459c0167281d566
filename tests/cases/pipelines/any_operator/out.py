# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:f0ab93cb11ef03203344888fb213e1dc2dd86324db991c98b367777a83e79700
# step types: operator 1.0.0

from airflow.providers.sftp.operators.sftp import SFTPOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
