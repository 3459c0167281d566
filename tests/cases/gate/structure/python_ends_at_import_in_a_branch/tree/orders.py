from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

import os

if "HOME" not in os.environ:
    exit(1)
with DAG("orders"):
    pass
