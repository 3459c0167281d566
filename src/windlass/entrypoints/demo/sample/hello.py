"""Says hello, so that there is something to trigger."""

from airflow.sdk import DAG, task

with DAG("hello", schedule=None, tags=["sample"]):

    @task
    def greet() -> str:
        return "Hello from Git."

    greet()
