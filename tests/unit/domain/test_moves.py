"""Which DAGs move when one artifact takes the place of another."""

import pytest

from tests.unit.examples import artifact
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.moves import Move, made_at_run_time, moves_between

DYNAMIC = "from airflow.sdk import DAG\nfor n in '01':\n    DAG(f'dag_{n}')\n"


def dag(dag_id: str) -> str:
    return f"from airflow.sdk import DAG\nwith DAG({dag_id!r}):\n    pass\n"


OLD = artifact({"a.py": dag("a"), "b.py": dag("b")})


@pytest.mark.parametrize(
    ("new", "moves"),
    [
        (OLD, {}),
        (EMPTY, {}),
        (artifact({"a.py": dag("a"), "b.py": dag("b") + "# more"}), {}),
        (artifact({"team/a.py": dag("a"), "b.py": dag("b")}), {"a": Move("a.py", "team/a.py")}),
        (artifact({"a.py": dag("b")}), {"b": Move("b.py", "a.py")}),
    ],
)
def test_a_dag_moves_where_another_file_has_its_id(new: Artifact, moves: dict[str, Move]) -> None:
    assert moves_between(OLD, new, {}, {}) == moves


def test_a_dag_moves_here_from_where_airflow_had_it_before() -> None:
    new = artifact({"a.py": dag("a"), "b.py": dag("b"), "c.py": dag("c"), "d.py": dag("d")})
    elsewhere = {"a": "a.py of other", "c": "c.py of other", "d": "d.py"}

    assert moves_between(OLD, new, {}, elsewhere) == {"c": Move("c.py of other", "c.py")}


def test_ids_made_at_run_time_move_with_their_file() -> None:
    old = artifact({"made.py": DYNAMIC})
    observed = {"dag_0": "made.py", "dag_1": "made.py"}

    renamed = moves_between(old, artifact({"x/made.py": DYNAMIC}), observed, {})
    removed = moves_between(old, EMPTY, observed, {})

    assert renamed == dict.fromkeys(observed, Move("made.py", "x/made.py"))
    assert removed == {}


def test_ids_made_at_run_time_stay_claimed_while_their_file_is_there() -> None:
    old = artifact({"made.py": DYNAMIC, "a.py": dag("a")})
    observed = {"dag_0": "made.py", "a": "a.py"}

    assert made_at_run_time(observed, old, artifact({"made.py": DYNAMIC, "a.py": ""})) == {"dag_0"}
    assert made_at_run_time(observed, old, artifact({"a.py": dag("a")})) == frozenset()
