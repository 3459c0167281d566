# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6effd9239bbdb07e40cb2ed9252b2ab7f1cf740efbb3394c58a252f73b30a60b
# step types: spark 1.0.0

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
