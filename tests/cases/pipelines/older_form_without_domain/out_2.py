# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:26ab77fa587eb2ff63287f6b8c7ba9912bf8381865e72fef7af86b753c8c62f9
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "nightly",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
):
    # src: pipelines/in.yaml:4
    load = BashOperator(task_id="load", bash_command="true")
