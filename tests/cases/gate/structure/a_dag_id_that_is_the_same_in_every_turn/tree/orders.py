from airflow.sdk import DAG

for table in ("orders", "returns"):
    with DAG("load"):
        pass
