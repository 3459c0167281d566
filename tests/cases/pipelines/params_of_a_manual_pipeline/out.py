# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:2aca2bc64fafc17389c3654ee9f7afe5f7af7626aef2201c717c01f3bdeb090e
# step types: bash 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    params={
        "day": Param(type="string", format="date", title="Day", description="Which day"),
        "limit": Param(None, type=["integer", "null"], minimum=1),
        "mode": Param("full", type="string", enum=["full", "part"]),
    },
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:10
    load = BashOperator(task_id="load", bash_command="true")
