from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG("orders"):
    KubernetesPodOperator(
        task_id="a",
        volumes=[
            k8s.V1Volume(
                name="docker",
                host_path=k8s.V1HostPathVolumeSource(path="/var/run/docker.sock"),
            )
        ],
    )
