from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("a") as dag:
    tasks = [EmptyOperator(task_id="x") for i in range(3)]
