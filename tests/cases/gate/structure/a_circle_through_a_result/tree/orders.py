from airflow.sdk import DAG, TaskGroup, chain, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

@dag(schedule=None)
def orders():
    @task
    def load(rows):
        return rows

    a = load([1])
    b = load(a)
    b >> a  # closes it


orders()
