from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("a", schedule="@daily"), DAG("b", schedule=None), DAG("c", schedule="0 0 L * *"):
    pass
with DAG("d", schedule="*/5 8-18 * JAN-DEC MON#1"), DAG("e", schedule="0 0 1 1 0 30"):
    pass
with DAG("f", schedule="@once"), DAG("g", schedule="@continuous", max_active_runs=1):
    pass
