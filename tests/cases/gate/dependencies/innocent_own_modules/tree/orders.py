from airflow.sdk import DAG
import team.rates
from team import rates, VALUE
from plain.deep import mod
import helpers

with DAG('orders'):
    pass
