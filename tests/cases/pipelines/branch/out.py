# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:c7d742b0ae0bf4d449158eacaaa3cb6df8fd21a42ea2b8667252e639d660d57d
# step types: bash 1.0.0, branch 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.sdk import DAG

from company.orders import which as orders_which

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    which = BranchPythonOperator(task_id="which", python_callable=orders_which)

    # src: pipelines/in.yaml:7
    full = BashOperator(task_id="full", bash_command="true")

    # src: pipelines/in.yaml:8
    part = BashOperator(task_id="part", bash_command="true")

    which >> full
    which >> part
