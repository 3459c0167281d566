from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

from airflow.triggers.base import BaseTrigger


class Waits(BaseTrigger):
    pass


with DAG("orders"):
    pass
