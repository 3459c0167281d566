from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG("orders"):
    KubernetesPodOperator(
        task_id="a",
        image="{{ var.value.image }}",
        volumes=make_volumes(),
        security_context={"runAsUser": 1000},
        executor_config=CONFIG,
        **MORE,
    )
