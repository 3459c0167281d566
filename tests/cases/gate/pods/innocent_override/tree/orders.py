from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG("orders"):
    KubernetesPodOperator(
        task_id="a",
        image="registry.example/a:1",
        container_resources=k8s.V1ResourceRequirements(requests={"cpu": "500m", "memory": "1Gi"}),
        env_vars={"MODE": "fast"},
        executor_config={
            "pod_override": k8s.V1Pod(
                metadata=k8s.V1ObjectMeta(labels={"team": "sales"}),
                spec=k8s.V1PodSpec(
                    containers=[k8s.V1Container(name="base", image="registry.example/b:2")],
                    node_selector={"disk": "ssd"},
                ),
            )
        },
    )
