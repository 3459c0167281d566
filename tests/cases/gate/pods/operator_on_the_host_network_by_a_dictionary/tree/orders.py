from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
KubernetesPodOperator(task_id="a", name="a", image="a:1", **{"hostnetwork": True})
