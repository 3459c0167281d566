# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6bec7281908d48f2958e0b1d534e381c1894e753b6799c0d934b764d4e45c452
# step types: sql 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    top = SQLExecuteQueryOperator(
        task_id="top",
        conn_id="warehouse",
        sql=(
            "delete from top where day = %(day)s;\n"
            "insert into top select customer, sum(amount) as total from orders where day = %(day)s "
            "group by customer;\n"
        ),
        parameters={"day": "{{ ds }}"},
        database="dw",
        autocommit=True,
        split_statements=True,
    )
