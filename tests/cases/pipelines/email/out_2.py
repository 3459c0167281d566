# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:614026e8f91600028cd6186acf82c56ea047e748a2815c411bc310d77062f83c
# step types: email 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.providers.smtp.operators.smtp import EmailOperator

with DAG(
    "sales.orders",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    tell = EmailOperator(
        task_id="tell",
        to=["ann@example.com"],
        subject="Done",
        html_content="<p>{{ ds }}</p>",
        conn_id="mail",
    )
