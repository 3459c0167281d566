# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:614026e8f91600028cd6186acf82c56ea047e748a2815c411bc310d77062f83c
# step types: email 1.0.0

from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
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
