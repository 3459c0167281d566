from airflow.sdk import task
from kubernetes.client import models as k8s

LARGE = {"pod_overide": k8s.V1Pod()}


@task(executor_config=LARGE)
def load():
    pass
