from airflow.sdk import DAG
import json, pandas as pd, yaml
from google.cloud import storage
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.common.sql.hooks.sql import DbApiHook
import requests.sessions

with DAG('orders'):
    pass
