from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

NAME = "load"
try:
    from settings import SCHEDULE
except ImportError:
    SCHEDULE = "0 25 * * *"


def make(NAME):
    EmptyOperator(task_id=NAME)


with DAG("orders", schedule=SCHEDULE):
    EmptyOperator(task_id="load")
    for one in ("a", "b"):
        EmptyOperator(task_id=f"{one}_load")
    more = [EmptyOperator(task_id=NAME) for NAME in ("c", "d")]
    make("e")
