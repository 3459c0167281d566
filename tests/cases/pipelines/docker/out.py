# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:cbc014c3b854866919e7dd8d6ecaa1c65e273b51cc67efa7be3ed873dc3d7acd
# step types: docker 1.0.0

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    run = DockerOperator(
        task_id="run",
        image="ghcr.io/company/etl:1.4",
        command=["load", "{{ ds }}"],
        environment={"REGION": "eu"},
        network_mode="etl",
        docker_url="unix://var/run/docker.sock",
        working_dir="/app",
        auto_remove="success",
        mount_tmp_dir=False,
    )
