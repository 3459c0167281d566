from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, Connection, Variable

def hook(region):
    return PostgresHook(postgres_conn_id=f"db_{region}")
