# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:d826d361d8ca5e8f78c53f0410b45534f0e11a77775b385db90fbe47bb9a1619
# step types: dbt 1.0.0

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    models = BashOperator(
        task_id="models",
        bash_command=(
            "dbt build --project-dir dbt/warehouse --profiles-dir dbt --target prod --select "
            "tag:nightly+ staging --exclude slow --full-refresh"
        ),
        env={"REGION": "eu"},
        append_env=True,
    )
