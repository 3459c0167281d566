from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

load = KubernetesPodOperator(
    task_id="load",
    image="x:1",
    container_security_context=dict(privileged=True),
)
