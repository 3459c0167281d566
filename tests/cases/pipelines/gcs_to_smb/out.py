# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:e2d77dc9ac20afa1ab429409377ddd88e328beea47a580793f1fe27c469bb128
# step types: transfer 1.1.0

from airflow.providers.samba.transfers.gcs_to_samba import GCSToSambaOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToSambaOperator(
        task_id="move",
        source_bucket="lake",
        source_object="a.csv",
        gcp_conn_id="gcp",
        destination_path="in",
        samba_conn_id="share",
    )
