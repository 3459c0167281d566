# Compiled by Windlass from pipelines/in.yaml: edit that, this file is made again.
# compiler 3; input sha256:95c148984f64551ad1708c2bd09ea6fb4f29a30c6de78c653652f833f3953bb3
# step types: bash 1.0.0

from datetime import datetime, timezone

from airflow.models.dag import DAG
from airflow.models.param import Param
from airflow.operators.bash import BashOperator

with DAG(
    "sales.orders",
    description='"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s',
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"owner": '"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s'},
    params={
        "x": Param(
            '"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s',
            type="string",
        ),
    },
    tags=["domain:sales"],
    doc_md='"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s',
):
    # src: pipelines/in.yaml:10
    load = BashOperator(
        task_id="load",
        bash_command='"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s',
        env={
            '"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s': (
                '"""\n'
                "'); import os; os.system('id') # {{ ds }} \u2028"
                " \\ {x} %s"
            ),
        },
        doc_md='"""\n\'); import os; os.system(\'id\') # {{ ds }} \u2028 \\ {x} %s',
    )
