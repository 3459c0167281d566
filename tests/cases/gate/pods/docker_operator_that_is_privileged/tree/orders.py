from airflow.providers.docker.operators.docker import DockerOperator
DockerOperator(task_id="a", image="a:1", privileged=True)
