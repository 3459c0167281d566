# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:26ab77fa587eb2ff63287f6b8c7ba9912bf8381865e72fef7af86b753c8c62f9
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("nightly", schedule=None, catchup=False):
    # src: pipelines/in.yaml:4
    load = BashOperator(task_id="load", bash_command="true")
