# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6effd9239bbdb07e40cb2ed9252b2ab7f1cf740efbb3394c58a252f73b30a60b
# step types: spark 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    job = SparkSubmitOperator(
        task_id="job",
        application="s3a://apps/job.py",
        conn_id="spark",
        application_args=["--day", "{{ ds }}"],
        conf={"spark.sql.shuffle.partitions": 200},
        packages="org.apache.hadoop:hadoop-aws:3.3.4",
        num_executors=4,
        executor_cores=2,
        executor_memory="4g",
        driver_memory="2g",
    )
