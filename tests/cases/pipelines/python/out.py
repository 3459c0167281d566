# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:5e6b96d55f11ec85978efdb2fc438a48e58310ef7c907f7961147d1c4a0c9c24
# step types: python 1.0.0

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from company.orders import load
from company.other import load as other_load

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    a = PythonOperator(
        task_id="a",
        python_callable=load,
        op_kwargs={"day": "{{ ds }}", "limit": 5, "deep": {"a": [1, -2, 2.5, None, True]}},
    )

    # src: pipelines/in.yaml:7
    b = PythonOperator(task_id="b", python_callable=other_load, op_args=[1, "two"])
