from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, Connection, Variable

a = SQLExecuteQueryOperator(task_id="a", conn_id="warehouse", pool="small", sql="select {{ var.value.batch_size }}")
b = SQLExecuteQueryOperator(task_id="b", conn_id="pg_main", pool="default_pool", sql="select 1")
c = PostgresHook("vault_crm")
d = Variable.get("batch_size")
e = BaseHook.get_connection("{{ params.conn }}")
f = SQLExecuteQueryOperator(task_id="f", conn_id=None)
g = Connection(conn_id="made_here", conn_type="http")
