# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:6cfc41027402297ae8eab73cc95bb4433101d9f1ed4d372ebf8e053c1cd0b892
# step types: kubernetes_pod 1.0.0

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client.models import V1ResourceRequirements

with DAG(
    "sales.orders",
    schedule=None,
    catchup=False,
    default_args={"owner": "sales"},
    tags=["domain:sales"],
):
    # src: pipelines/in.yaml:6
    run = KubernetesPodOperator(
        task_id="run",
        image="ghcr.io/company/etl:1.4",
        cmds=["python", "-m", "etl"],
        arguments=["{{ ds }}"],
        env_vars={"REGION": "eu"},
        namespace="data",
        service_account_name="etl",
        node_selector={"pool": "big"},
        labels={"team": "data"},
        image_pull_policy="IfNotPresent",
        container_resources=V1ResourceRequirements(
            requests={"cpu": "500m", "memory": "1Gi"},
            limits={"memory": "2Gi"},
        ),
    )
