from airflow.sdk import DAG

NAME = "orders"
first = DAG("orders", schedule="@daily")

second = DAG(f"{NAME}")
