from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
COMMON = {"image": "a:1", "hostnetwork": True}
KubernetesPodOperator(task_id="a", name="a", **COMMON)
