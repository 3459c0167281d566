"""What `windlass repo remove` says before it does anything."""

import io

import pytest

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.lifecycle import _confirm, _plan_lines

PLAN = {
    "name": "dags",
    "bundle": "one",
    "release": 3,
    "dag_ids": 2,
    "runs": [],
    "delete_dags": False,
    "own_credential": False,
}


def test_the_plan_names_what_goes_in_order() -> None:
    assert _plan_lines(PLAN, 60) == [
        "Removing dags will",
        "  stop its syncs at once",
        "  take 2 DAGs out of Airflow, which keeps their runs",
        "  free the bundle one, once no run refers to it",
        "  free its dag_ids, and delete its mirror",
        "Its releases and its history stay.",
    ]


def test_a_credential_is_named_where_one_goes_along() -> None:
    lines = _plan_lines(PLAN | {"bundle": None, "own_credential": True}, 60)

    assert lines[2] == "  free its dag_ids, and delete its mirror and its credential"


def test_what_cannot_be_undone_is_said_so() -> None:
    lines = _plan_lines(PLAN | {"delete_dags": True, "dag_ids": 1}, 60)

    assert lines[2:5] == [
        "  take 1 DAG out of Airflow",
        "  delete them there, with all their runs, and what earlier releases left:",
        "    this cannot be undone",
    ]


def test_nobody_there_to_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(Invalid, match="CLI017 nobody answered, so nothing was changed"):
        _confirm("Remove dags?")
