"""What a fork wrote is read strictly: it was written by a stranger's code."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.facts import DagFacts
from windlass.domain.imported import Imported, Seen, Use
from windlass.sandbox.answer import clean, read_answer

GOOD: dict[str, Any] = {
    "dags": [["orders", {"dag": {}}, ["orders", 3, ["x"], ["bob"], 2, None]]],
    "uses": [["connection", "crm", False, "orders.py", 4, 6]],
    "operators": ["airflow.x.Op"],
    "errors": [],
    "unstable": [],
    "events": [["network", "socket", "orders.py", 4]],
    "asked": [["variable", "rates", "orders.py", 5]],
    "opened": ["orders.py"],
    "listed": [""],
    "searched": [["", "rates"]],
    "seconds": 0.5,
    "cpu_s": 0.4,
    "is_blind": False,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(row: Any) -> Imported | None:
    return read_answer("orders.py", json.dumps(row).encode(), 100, {})


def test_a_good_answer_is_read() -> None:
    found = read(GOOD)

    assert found is not None
    assert found.dag_ids == ("orders",)
    assert found.seen == Seen(
        (DagFacts("orders", 3, ("x",), ("bob",), 2, None),),
        (
            Use("connection", "crm", False, "orders.py", 4, 6),
            Use("variable", "rates", True, "orders.py", 5, 5),  # it went on without
        ),
        ("airflow.x.Op",),
    )
    assert Imported.from_json(json.loads(json.dumps(found.to_json()))).seen == found.seen
    assert sorted(found.needs or ()) == ["f:orders.py", "l:", "n::rates"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dags", [["or ders", {}, None]]),
        ("dags", [["x" * 251, {}, None]]),
        ("dags", [["orders", [], None]]),
        ("dags", [["orders", {}, ["orders", 3, ["x"], None, 2, None]]]),
        ("dags", [[f"d{n}", {}, None] for n in range(5001)]),
        ("uses", [["secret", "crm", False, "orders.py", 4, 6]]),
        ("uses", [["connection", "crm", False, "/etc/passwd", 4, 6]]),
        ("operators", [5]),
        ("events", [["fun", "x", "a.py", 1]]),
        ("events", [["network", "x", "/etc/passwd", 1]]),
        ("events", [["network", "x", "../a.py", 1]]),
        ("events", [["network", "x", "a.py", "1"]]),
        ("events", [["network", "x", "a.py", 1]] * 201),
        ("asked", [["secret", "x", "a.py", 1]]),
        ("seconds", -1),
        ("seconds", float("nan")),
        ("opened", [5]),
    ],
)
def test_a_bad_answer_is_none(key: str, value: Any) -> None:
    assert read({**GOOD, key: value}) is None


@given(st.dictionaries(st.sampled_from([*GOOD]), JSON))
def test_no_answer_does_harm(changed: dict[str, Any]) -> None:
    read({**GOOD, **changed})


@given(st.binary())
def test_no_bytes_do_harm(content: bytes) -> None:
    read_answer("orders.py", content, 100, {})


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgres://etl:hunter2@db/x", "postgres://etl:***@db/x"),
        ("password='hunter2' is wrong", "password=*** is wrong"),
        ("token ghp_" + "a" * 36, "token ***"),
        ("no file /dag/etl/a.sql", "no file etl/a.sql"),
        ("from 'x' (/opt/a/lib/python3.12/site-packages/x/y.py)", "from 'x' (x/y.py)"),
        ("a\nb\x1b[2J", "a b [2J"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_a_message_is_cleaned(said: str, shown: str) -> None:
    assert clean(said) == shown
