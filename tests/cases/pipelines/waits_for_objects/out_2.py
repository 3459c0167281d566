# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:5b3332932d955c35055f2ff548ba6e2d1d978668511a32a829ea41445f0c7941
# step types: sensor 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor
from airflow.providers.sftp.sensors.sftp import SFTPSensor

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    s3 = S3KeySensor(task_id="s3", bucket_name="lake", bucket_key="orders/{{ ds }}.csv")

    # src: pipelines/in.yaml:7
    gcs = GCSObjectExistenceSensor(
        task_id="gcs",
        bucket="lake",
        object="orders.csv",
        google_cloud_conn_id="gcp",
    )

    # src: pipelines/in.yaml:8
    sftp = SFTPSensor(task_id="sftp", path="/in/orders.csv", sftp_conn_id="partner")
