import pytest
from airflow.sdk import DAG
from .x import y
