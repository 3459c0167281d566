from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG("orders"):
    KubernetesPodOperator(
        task_id="a",
        executor_config={"pod_overide": k8s.V1Pod()},
    )
