import os

from airflow.sdk import DAG

if os.environ.get("LIVE"):
    dag = DAG("orders", schedule="@daily")
else:
    dag = DAG("orders", schedule=None)

for table in ("orders", "returns"):
    with DAG(f"load_{table}"):
        pass
