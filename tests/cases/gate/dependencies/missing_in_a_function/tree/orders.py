from airflow.sdk import DAG
def load():
    import polars
    return polars

with DAG('orders'):
    pass
