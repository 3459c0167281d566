"""Files that move while runs are in flight, before an Airflow that tells of them as a test wants.

tests/acceptance/test_observation.py has a real run that such a move would break.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, clone_of, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.database import tables as t
from windlass.database.holds import UNKNOWN, list_past_holds
from windlass.database.observations import record_observed
from windlass.domain.repository import Repository
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.holds import unhold
from windlass.engine.moves import GIVE_UP_AFTER, look_at_runs
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.targets.airflow import AirflowClient

DAG = "from airflow.sdk import DAG\nwith DAG('orders'):\n    pass\n"


class Runs:
    """What the Airflow in place answers: its runs in flight, or a status."""

    def __init__(self, strange: Strange) -> None:
        self.in_flight: dict[str, list[str]] | int = {}
        self.asked: list[list[str]] = []
        strange.answer = self._answer

    def _answer(self, path: str, body: dict[str, Any]) -> Any:
        assert path == "/api/v2/dags/~/dagRuns/list"
        self.asked.append(body["dag_ids"])
        if isinstance(self.in_flight, int):
            return self.in_flight
        rows = [
            {"dag_id": dag_id, "dag_run_id": run_id}
            for dag_id, ids in self.in_flight.items()
            if dag_id in body["dag_ids"]
            for run_id in ids
        ]
        return {"dag_runs": rows, "total_entries": len(rows)}


@pytest.fixture
def runs(strange: Strange) -> Runs:
    return Runs(strange)


@pytest.fixture
def asking(context: Context, strange: Strange) -> Context:
    return replace(context, airflows={"default": AirflowClient(strange.url, "windlass", "x")})


@pytest.fixture
def moved(asking: Context, origin: Origin, registration: Registration, runs: Runs) -> Repository:
    """Release 1 has orders in a.py; the head has it in b.py."""
    origin.push("first", {"a.py": DAG})
    repository = register(asking, registration)
    run_sync(asking, repository)
    assert runs.asked == []
    origin.push("moved", {"a.py": None, "b.py": DAG})
    return repository


def state_of(context: Context) -> tuple[str, str, int]:
    facts = status_of(context).facts
    assert facts.deployed is not None
    state, reason = sync_state(facts)
    return state, reason, facts.deployed.release_id


def make_old(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(
            sa.text("UPDATE hold SET created_at = now() - :age"), {"age": GIVE_UP_AFTER}
        )


def ends(context: Context, repository: Repository) -> list[tuple[str | None, str | None]]:
    with context.database.transaction() as connection:
        past = list_past_holds(connection, repository.id, 10)
    return [(one.ended_by, one.end_reason) for one in past]


def test_a_move_waits_for_the_runs_in_flight_and_then_goes_on(
    asking: Context, moved: Repository, runs: Runs
) -> None:
    runs.in_flight = {"orders": ["run-1", "run-2"]}
    run_sync(asking, moved)

    assert look_at_runs(asking) == 0
    state, reason, release = state_of(asking)
    assert (state, release) == ("held", 1)
    assert reason.endswith(
        "held by windlass: orders moves from a.py to b.py with 2 runs in flight (run-1, run-2)"
    )
    runs.in_flight = {}
    assert look_at_runs(asking) == 1
    run_sync(asking, moved)
    assert state_of(asking)[2] == 2
    assert ends(asking, moved) == [("windlass", "no run is in flight any more")]


def test_a_move_without_runs_does_not_wait(asking: Context, moved: Repository, runs: Runs) -> None:
    run_sync(asking, moved)

    assert (state_of(asking)[2], runs.asked) == (2, [["orders"]])


def test_a_person_may_override_with_a_reason(
    asking: Context, moved: Repository, runs: Runs
) -> None:
    runs.in_flight = {"orders": ["run-1"]}
    run_sync(asking, moved)

    unhold(asking, moved.name, reason="that run may fail", actor="alice")
    run_sync(asking, moved)

    assert state_of(asking)[2] == 2
    assert ends(asking, moved) == [("alice", "that run may fail")]


def test_an_override_is_good_for_one_deployment(
    asking: Context, moved: Repository, runs: Runs, origin: Origin
) -> None:
    runs.in_flight = {"orders": ["run-1"]}
    run_sync(asking, moved)
    unhold(asking, moved.name, reason="that run may fail", actor="alice")
    run_sync(asking, moved)
    origin.git("push", "--quiet", "--force", "origin", "HEAD~1:main")
    runs.in_flight = {}
    run_sync(asking, moved)  # back where it was, as release 3
    origin.git("push", "--quiet", "origin", "HEAD:main")
    runs.in_flight = {"orders": ["run-2"]}

    run_sync(asking, moved)

    assert state_of(asking)[::2] == ("held", 3)


def test_an_override_is_good_for_the_files_that_were_named(
    asking: Context, moved: Repository, runs: Runs, origin: Origin
) -> None:
    runs.in_flight = {"orders": ["run-1"]}
    run_sync(asking, moved)
    unhold(asking, moved.name, reason="that run may fail", actor="alice")
    with asking.database.transaction() as connection:
        named = {"dag_ids": ["another"], "revision": origin.git("rev-parse", "HEAD")}
        connection.execute(sa.update(t.hold).values(facts=named))

    run_sync(asking, moved)

    assert state_of(asking)[::2] == ("held", 1)


def test_a_head_that_takes_the_move_back_is_not_held(
    asking: Context, moved: Repository, runs: Runs, origin: Origin
) -> None:
    runs.in_flight = {"orders": ["run-1"]}
    run_sync(asking, moved)

    origin.push("back", {"a.py": DAG + "# more\n", "b.py": None})
    run_sync(asking, moved)

    assert (state_of(asking)[2], look_at_runs(asking)) == (2, 0)


def test_an_airflow_that_does_not_say_is_waited_for_five_minutes(
    asking: Context, moved: Repository, runs: Runs
) -> None:
    runs.in_flight = 503
    run_sync(asking, moved)
    assert (state_of(asking)[0], look_at_runs(asking)) == ("held", 0)

    make_old(asking)
    assert look_at_runs(asking) == 1
    run_sync(asking, moved)

    assert state_of(asking)[2] == 2
    assert ends(asking, moved) == [("windlass", UNKNOWN)]


@pytest.fixture
def second(
    asking: Context, registration: Registration, git_server: GitHttpServer, room: Path
) -> Repository:
    """Another repository, whose first head has orders too."""
    git_server.create_repository("team/second", private=True)
    clone = clone_of(git_server, "team/second", room / "second")
    clone.push("first", {"a.py": DAG})
    return register(asking, registration, url=clone.url)


def test_an_airflow_that_says_later_which_runs_are_in_flight_is_believed(
    asking: Context, moved: Repository, runs: Runs
) -> None:
    runs.in_flight = 503
    run_sync(asking, moved)
    runs.in_flight = {"orders": ["run-1"]}

    assert look_at_runs(asking) == 1
    run_sync(asking, moved)

    state, reason, release = state_of(asking)
    assert (state, release) == ("held", 1)
    assert reason.endswith("orders moves from a.py to b.py with 1 run in flight (run-1)")
    assert look_at_runs(asking) == 0


def test_a_dag_that_moves_to_another_repository_waits_too(
    asking: Context, moved: Repository, runs: Runs, origin: Origin, second: Repository
) -> None:
    with asking.database.transaction() as connection:
        record_observed(connection, moved, {"orders": "a.py"})
        record_observed(connection, moved, {})
    origin.push("gone", {"b.py": None, "c.sql": ""})
    run_sync(asking, moved)
    runs.in_flight = {"orders": ["run-1"]}

    run_sync(asking, second)

    state, reason = sync_state(status_of(asking, "second").facts)
    assert state == "held"
    assert "orders moves from a.py of dags to a.py with 1 run in flight (run-1)" in reason
