from docker.types import Mount
from airflow.providers.docker.operators.docker import DockerOperator
DockerOperator(task_id="a", image="a:1", mounts=[Mount(source="/", target="/host", type="bind")])
