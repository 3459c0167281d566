from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, BaseHook, Connection, Variable

import os

os.environ["AIRFLOW_CONNECTIONS___CRM"]
