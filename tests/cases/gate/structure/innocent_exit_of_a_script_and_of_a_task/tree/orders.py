from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

import sys


@task
def stops():
    sys.exit(1)


with DAG("orders"):
    stops()
if __name__ == "__main__":
    sys.exit(0)
