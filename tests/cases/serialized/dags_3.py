from datetime import datetime, timedelta
from airflow.sdk import DAG, Asset, TaskGroup, task, Param, Variable
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
def f(x): pass
with DAG("orders", schedule="0 3 * * *", start_date=datetime(2024,1,1), tags=["a","b"], params={"day": Param("x", type="string")}, default_args={"owner":"ann","retries":2,"retry_delay":timedelta(minutes=5)}, catchup=False, doc_md="hello", max_active_runs=2) as d:
    with TaskGroup("g"):
        a = BashOperator(task_id="a", bash_command="echo {{ var.value.foo }}", env={"X":"y"}, pool="big")
        b = PythonOperator(task_id="b", python_callable=f, op_kwargs={"x": "y", "k":"zzz"}, outlets=[Asset("s3://x/y")])
        a >> b
    q = SQLExecuteQueryOperator(task_id="q", conn_id="dw", sql="select 1", execution_timeout=timedelta(hours=1))
    b >> q
    @task
    def m(x): return x
    m.expand(x=[1,2,3])
    TriggerDagRunOperator(task_id="t", trigger_dag_id="down")
    ExternalTaskSensor(task_id="s", external_dag_id="up")
with DAG("down", schedule=[Asset("s3://x/y"), Asset("s3://z")], start_date=datetime(2024,1,1)):
    BashOperator(task_id="a", bash_command="x", trigger_rule="all_done", retries=1)
with DAG("td", schedule=timedelta(hours=1), start_date=datetime(2024,1,1)): 
    BashOperator(task_id="a", bash_command="x")
