from airflow.sdk import DAG, task
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("orders"):
    loads = [EmptyOperator(task_id=f"load_{name}") for name in ("a", "b")]
    first = [EmptyOperator(task_id="first") for _ in range(1)]
    some = [EmptyOperator(task_id="some") for name in ("a", "b") if name == "a"]

    @task(task_id="count.rows")
    def count():
        pass

    count()
