from airflow.sdk import DAG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

with DAG('orders'):
    pass
