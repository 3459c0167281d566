from airflow.sdk import DAG

dag = DAG("orders", schedule="0 0 31 2,4 *")
