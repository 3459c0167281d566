"""The plain reading: which dag_ids a file makes, what it imports, which files it names."""

import ast

import pytest

from windlass.checks.module import Module
from windlass.checks.outline import outline_of
from windlass.domain.artifact import Outline

SDK = "from airflow.sdk import DAG, dag\n"


def outline(source: str, path: str = "team/orders.py") -> Outline:
    return outline_of(Module(path, source.encode(), ast.parse(source)))


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        (SDK + "x = DAG('a')", ("a",)),
        (SDK + "x = DAG(dag_id='a')", ("a",)),
        (SDK + "x = DAG(schedule=None, dag_id='a')", ("a",)),
        (SDK + "with DAG('a'):\n    pass", ("a",)),
        (SDK + "with DAG('a') as x, DAG('b'):\n    pass", ("a", "b")),
        (SDK + "x = DAG('b')\ny = DAG('a')", ("b", "a")),
        (SDK + "x = DAG('a')\ny = DAG('a')", ("a",)),
        (SDK + "if True:\n    x = DAG('a')\nelse:\n    x = DAG('b')", ("a", "b")),
        (SDK + "try:\n    x = DAG('a')\nfinally:\n    pass", ("a",)),
        (SDK + "class Made:\n    x = DAG('a')", ("a",)),
        ("from airflow.sdk import DAG as D\nx = D('a')", ("a",)),
        ("from airflow import DAG\nx = DAG('a')", ("a",)),
        ("from airflow.models.dag import DAG\nx = DAG('a')", ("a",)),
        ("import airflow\nx = airflow.DAG('a')", ("a",)),
        ("import airflow.sdk as s\nx = s.DAG('a')", ("a",)),
    ],
)
def test_a_literal_dag_id_counts_where_importing_the_file_makes_the_dag(
    source: str, ids: tuple[str, ...]
) -> None:
    assert outline(source).dag_ids == ids


@pytest.mark.parametrize(
    "source",
    [
        SDK + "def later():\n    x = DAG('a')",
        SDK + "async def later():\n    x = DAG('a')",
        SDK + "later = lambda: DAG('a')",
        SDK + "class Made:\n    def later(self):\n        return DAG('a')",
        SDK + "DAG('a')",  # nothing holds it
        SDK + "x = DAG(f'a_{1}')",
        SDK + "x = DAG(NAME)",
        SDK + "x = DAG(dag_id=NAME)",
        SDK + "x = DAG(*['a'])",
        SDK + "x = DAG(**{'dag_id': 'a'})",
        SDK + "x = DAG(b'a')",
        SDK + "x = DAG()",
        "x = DAG('a')",
        "from other import DAG\nx = DAG('a')",
        "from airflow_like import DAG\nx = DAG('a')",
        "# from airflow.sdk import DAG; DAG('a')",
        "text = \"from airflow.sdk import DAG; DAG('a')\"",
    ],
)
def test_what_only_running_the_file_would_tell_is_no_literal_dag_id(source: str) -> None:
    assert outline(source).dag_ids == ()


@pytest.mark.parametrize(
    ("decorator", "ids"),
    [
        ("@dag", ("made",)),
        ("@dag()", ("made",)),
        ("@dag(schedule=None)", ("made",)),
        ("@dag('a')", ("a",)),
        ("@dag(dag_id='a')", ("a",)),
        ("@dag(dag_id=NAME)", ()),
        ("@dag(NAME)", ()),
        ("@dag(**options)", ()),
        ("@dag(*options)", ()),
        ("@other", ()),
    ],
)
def test_a_dag_function_counts_by_its_given_id_or_its_name(
    decorator: str, ids: tuple[str, ...]
) -> None:
    assert outline(f"{SDK}{decorator}\ndef made():\n    pass\n\nmade()").dag_ids == ids


@pytest.mark.parametrize("call", ["made()", "x = made()", "if True:\n    made()", "xs = [made()]"])
def test_a_dag_function_counts_wherever_importing_calls_it(call: str) -> None:
    assert outline(f"{SDK}@dag\ndef made():\n    pass\n\n{call}").dag_ids == ("made",)


@pytest.mark.parametrize("call", ["", "made", "def later():\n    made()", "x = lambda: made()"])
def test_a_dag_function_that_importing_does_not_call_makes_no_dag(call: str) -> None:
    assert outline(f"{SDK}@dag\ndef made():\n    pass\n\n{call}").dag_ids == ()


def test_a_dag_decorator_under_another_name_is_known() -> None:
    renamed = "from airflow.decorators import dag as d\n@d\ndef made():\n    pass\n\nmade()"
    by_module = "import airflow.sdk as s\n@s.dag('a')\ndef made():\n    pass\n\nmade()"

    assert outline(renamed).dag_ids == ("made",)
    assert outline(by_module).dag_ids == ("a",)


@pytest.mark.parametrize(
    ("source", "is_candidate"),
    [
        ("from airflow.sdk import DAG", True),
        ("# Airflow DaG", True),
        ("import airflow  # asset", True),
        ("import airflow", False),
        ("dag = 1", False),
        ("", False),
    ],
)
def test_a_candidate_is_what_airflows_safe_mode_takes(source: str, is_candidate: bool) -> None:
    assert outline(source).is_candidate is is_candidate


@pytest.mark.parametrize(
    ("path", "source", "imports"),
    [
        ("a.py", "import os", ("os",)),
        ("a.py", "import os.path as p, re", ("os.path", "re")),
        ("a.py", "from b import c, d as e", ("b", "b.c", "b.d")),
        ("a.py", "from b.c import *", ("b.c", "b.c.*")),
        ("a.py", "def f():\n    import os", ("os",)),
        ("a.py", "import os\nimport os", ("os",)),
        ("a.py", "from . import b", ("b",)),
        ("a.py", "from .b import c", ("b", "b.c")),
        ("t/a.py", "from . import b", ("t", "t.b")),
        ("t/a.py", "from .b import c", ("t.b", "t.b.c")),
        ("t/a.py", "from .. import b", ("b",)),
        ("t/a.py", "from ..u.b import c", ("u.b", "u.b.c")),
        ("t/u/a.py", "from .. import b", ("t", "t.b")),
        ("t/__init__.py", "from . import b", ("t", "t.b")),
        ("t/__init__.py", "from .b import c", ("t.b", "t.b.c")),
        ("t/u/__init__.py", "from .. import b", ("t", "t.b")),
        ("__init__.py", "from . import b", ("b",)),
    ],
)
def test_imports_are_told_by_their_absolute_names(
    path: str, source: str, imports: tuple[str, ...]
) -> None:
    assert outline(source, path).imports == imports


def test_an_import_from_above_the_root_names_nothing_that_is_there() -> None:
    assert outline("from ....b import c", "t/a.py").imports == ("b", "b.c")


@pytest.mark.parametrize(
    ("source", "mentions"),
    [
        ("x = 'load.sql'", ("load.sql",)),
        ("x = 'sql/load.sql'", ("load.sql",)),
        ("x = '/opt/sql/load.sql'", ("load.sql",)),
        ("x = 'sql/*.sql'", ("*.sql",)),
        ("x = 'load?.y-m.json'", ("load?.y-m.json",)),
        ("x = f'{name}.sql'", (".sql",)),
        ("x = ['b.csv', 'a.csv', 'b.csv']", ("a.csv", "b.csv")),
        ("def f():\n    '''doc.'''\n    return 'load.sql'", ("load.sql",)),
        ("x = 'no file'", ()),
        ("x = 'sql/'", ()),
        ("x = b'load.sql'", ()),
        ("x = 'select 1 from a.b where c'", ()),
        (f"x = {'a' * 496 + '.sql'!r}", ()),
    ],
)
def test_mentions_are_the_file_names_and_patterns_in_literals(
    source: str, mentions: tuple[str, ...]
) -> None:
    assert outline(source).mentions == mentions


@pytest.mark.parametrize("name", ["été.v1-2_x", "a" * 250, "..", "a\n"])
def test_an_id_that_airflow_takes_is_expected(name: str) -> None:
    assert outline(SDK + f"x = DAG({name!r})").dag_ids == (name,)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a" * 251, "a\x00b", "a\ud800b", "a\n\n"])
def test_an_id_that_airflow_refuses_is_never_expected(name: str) -> None:
    assert outline(SDK + f"x = DAG({name!r})").dag_ids == ()


def test_the_name_of_a_decorated_function_may_be_too_long_for_an_id() -> None:
    name = "a" * 251

    assert outline(SDK + f"@dag\ndef {name}(): pass\n{name}()").dag_ids == ()


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\x1b"])
def test_a_mention_is_plain_text(odd: str) -> None:
    assert outline(f"x = {f'a{odd}b.sql'!r}\ny = 'c.sql'").mentions == ("c.sql",)
