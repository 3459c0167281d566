from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, Connection, Variable

CONN = "crm"
a = SQLExecuteQueryOperator(task_id="a", conn_id=CONN, sql="select 1")
