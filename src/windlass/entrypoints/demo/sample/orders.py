"""Adds up orders in euros, with a rate from the helper module beside it."""

from airflow.sdk import DAG, task
from rates import EUR_PER_USD

with DAG("orders", schedule=None, tags=["sample"]):

    @task
    def total() -> float:
        return round(1000 * EUR_PER_USD, 2)

    total()
