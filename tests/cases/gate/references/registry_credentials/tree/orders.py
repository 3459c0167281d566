from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, Connection, Variable

from airflow.providers.docker.operators.docker import DockerOperator

a = DockerOperator(task_id="a", image="x:1", docker_conn_id="registry", force_pull=True)
