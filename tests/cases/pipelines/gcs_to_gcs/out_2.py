# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:aec931ee45e64dda85f302077ead58b3fa26698cddbaaef427dba9ba51c85946
# step types: transfer 1.1.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.google.cloud.transfers.gcs_to_gcs import GCSToGCSOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    move = GCSToGCSOperator(
        task_id="move",
        source_bucket="lake",
        source_object="a.csv",
        gcp_conn_id="gcp",
        destination_bucket="copy",
        destination_object="b.csv",
    )
