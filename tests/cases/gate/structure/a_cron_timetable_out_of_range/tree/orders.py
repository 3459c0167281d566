from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

from airflow.sdk import CronTriggerTimetable

with DAG("orders", schedule=CronTriggerTimetable("0 0 32 * *", timezone="UTC")):
    pass
