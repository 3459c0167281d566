"""Kinds of files by their names: each rule with what it is for and its near misses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.kinds import check_folders, check_kind
from windlass.domain.finding import Severity


@pytest.mark.parametrize(
    ("path", "code", "severity"),
    [
        ("orders.PY", "INT012", Severity.HIGH),
        ("team/orders.Py", "INT012", Severity.HIGH),
        ("airflow.cfg", "INT013", Severity.MEDIUM),
        ("team/webserver_config.py", "INT013", Severity.MEDIUM),
        (".env", "INT013", Severity.MEDIUM),
        ("logging.py", "INT015", Severity.LOW),
        ("airflow/__init__.py", "INT015", Severity.LOW),
        ("aux.py", "INT016", Severity.LOW),
        ("con/a.py", "INT016", Severity.LOW),
        ("a:b.sql", "INT016", Severity.LOW),
        ("a.sql ", "INT016", Severity.LOW),
        ("a./b.py", "INT016", Severity.LOW),
    ],
)
def test_a_name_that_does_not_do_what_it_promises_is_told(
    path: str, code: str, severity: Severity
) -> None:
    assert [(f.code, f.severity, f.path) for f in check_kind(path)] == [(code, severity, path)]


@pytest.mark.parametrize(
    "path",
    [
        "orders.pyi",
        "happy",
        "airflow.cfg.md",
        "env",
        "team/logging.py",
        "airflow/dags.py",
        "airflow/x/__init__.py",
        "auxiliary.py",
        "com10",
        "a b.sql",
        "sitecustomize/x.py",
        "a.sock",
        "libx.so.md",
        "plugins.py",
    ],
)
def test_its_neighbours_are_fine(path: str) -> None:
    assert check_kind(path) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a.pyc", "is bytecode, which Python loads in place of a source"),
        ("a.so", "is native code, which nobody can read before Python loads it"),
        ("a.zip", "is an archive, whose modules Airflow or Python would load unseen"),
        ("a.pth", "adds to where Python looks for modules"),
        ("sitecustomize.py", "is run by Python or Airflow whenever it starts"),
    ],
)
def test_a_forbidden_kind_is_told_with_its_reason(path: str, why: str) -> None:
    assert [f.message for f in check_kind(path)] == [f"{path!r} {why}"]


def test_modules_in_a_folder_for_plugins_are_told_once() -> None:
    found = check_folders(frozenset({"plugins/a.py", "plugins/b.py", "x/plugins/c.py"}))

    assert [(f.code, f.path) for f in found] == [("INT014", "plugins")]
    assert check_folders(frozenset({"plugins/readme.md", "x/plugins/c.py", "plugins.py"})) == []


@given(st.text(max_size=20))
def test_any_path_has_at_most_one_finding(path: str) -> None:
    assert len(check_kind(path)) <= 1
