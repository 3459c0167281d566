from airflow.sdk import DAG

EVERY = "0 25 * * *"

dag = DAG("orders", schedule=EVERY)
