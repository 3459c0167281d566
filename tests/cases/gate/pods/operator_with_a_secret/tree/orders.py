from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG("orders"):
    KubernetesPodOperator(
        task_id="a",
        env_vars={"API_KEY": "9f8e7d6c5b4a"},
    )
