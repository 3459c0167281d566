from airflow.sdk import dag, task
@task(task_id="load orders")
def t(): pass
