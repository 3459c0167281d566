"""Which files may make DAGs whose ids a plain reading does not find."""

import ast

import pytest

from windlass.checks.factories import builds_ids
from windlass.checks.module import Module
from windlass.checks.outline import outline_of

SDK = "from airflow.sdk import DAG, dag\n"
CLOSED = [
    "with DAG('a'): pass",
    "x = DAG(dag_id='a')",
    "@dag\ndef a(): pass\na()",
    "@dag('b', schedule=None)\ndef a(): pass\nx = a()",
    "import os\nX = os.environ.get('X')\nx = DAG('a')",
    "import pendulum\nx = DAG('a', start_date=pendulum.datetime(2026, 1, 1))",
    "from airflow.providers.x import Load\nwith DAG('a'): Load(task_id='l')",
    "import helper\nwith DAG('a', tags=[helper.TAG]): pass",
    "import pandas\nwith DAG('a'):\n    def f(): return pandas.read_csv('x')",
]
OPEN = [
    "for i in '12':\n    x = DAG(f'a{i}')",
    "x = DAG()",
    "def make(name):\n    return DAG(name)\nx = make('a')",
    "def make():\n    return DAG('a')\nx = make()",
    "@dag(dag_id=NAME)\ndef a(): pass\na()",
    "@dag\ndef a(): pass\nb = a\nb()",
    "def outer():\n    @dag\n    def a(): pass\n    return a()\nouter()",
    "class Mine(DAG): pass\nx = Mine('a')",
    "D = DAG\nx = D('a')",
    "import functools\nmake = functools.partial(DAG, schedule=None)",
    "from dagfactory import load_yaml_dags\nload_yaml_dags(globals())",
    "import factory\nx = factory.make('a')",
    "from . import factory\nx = factory.of('x').make('a')",
    "from factory import *",
    "globals()['x'] = 1",
    "exec(open('x').read())",
    "import importlib\nx = importlib.import_module('other').dag",
    "import airflow.sdk as sdk\nclass Mine(sdk.DAG): pass",
]


@pytest.mark.parametrize("text", CLOSED)
def test_a_file_whose_ids_are_all_literals_builds_none(text: str) -> None:
    assert not builds_ids(Module("a.py", b"", ast.parse(SDK + text)))


@pytest.mark.parametrize("text", OPEN)
def test_a_file_that_may_make_a_dag_by_other_means_builds_ids(text: str) -> None:
    assert builds_ids(Module("a.py", b"", ast.parse(SDK + text)))


def test_a_file_that_airflow_does_not_take_for_a_dag_file_builds_none() -> None:
    text = "import factory\nx = factory.make()\n"

    assert not outline_of(Module("a.py", text.encode(), ast.parse(text))).builds_ids
