from airflow.providers.docker.operators.docker import DockerOperator
from docker.types import Mount
from kubernetes.client import models as k8s

PRIVILEGED = False
COMMON = {"image": "registry.example/a:1", "name": "base"}
CONTAINER = k8s.V1Container(
    **COMMON, security_context=k8s.V1SecurityContext(privileged=PRIVILEGED)
)
DockerOperator(
    task_id="a",
    image="registry.example/a:1",
    privileged=False,
    mounts=[Mount(source="/srv/orders", target="/data", type="bind")],
)
