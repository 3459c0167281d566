from airflow.sdk import DAG
try:
    import polars
except ImportError:
    polars = None

with DAG('orders'):
    pass
