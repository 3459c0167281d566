"""Holds and quarantines: what is not deployed, and how that ends."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.test_sync import roll_back
from windlass.artifacts.store import Store
from windlass.database import tables as t
from windlass.database.history import list_events
from windlass.database.holds import list_holds, list_past_holds
from windlass.database.releases import find_quarantine
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.events import Event
from windlass.domain.hold import HoldKind
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.holds import hold, lift, tell_expired, unhold
from windlass.engine.register import Registration, request_rollback
from windlass.engine.worker import handlers

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"
TWO = ONE + "X = 2\n"
BAD = "from airflow.sdk import DAG\ndag = DAG('orders'\n"


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with one release."""
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


def tags(context: Context, repository: Repository) -> list[str]:
    with context.database.transaction() as connection:
        events = list_events(connection, repository.id, 100)
    return [event.tag for event in events if event.tag != Event.SYNC_ENDED]


def state(context: Context) -> tuple[SyncState, str]:
    return sync_state(status_of(context).facts)


def test_a_held_repository_checks_what_is_pushed_and_deploys_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    hold(context, "dags", reason="incident 221", actor="alice")
    sha = origin.push("second", {"orders.py": TWO})

    run_sync(context, dags)

    assert deployed_files(context) == {"orders.py": ONE}
    reason = f"{sha[:7]} is not deployed: held by alice: incident 221"
    assert state(context) == (SyncState.HELD, reason)
    assert tags(context, dags)[-3:] == ["revision:fetched", "verdict:allowed", "revision:held"]


def test_what_waited_is_deployed_when_the_hold_ends(
    context: Context, origin: Origin, dags: Repository
) -> None:
    hold(context, "dags", reason="incident 221", actor="alice")
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)

    ended = unhold(context, "dags", reason="over", actor="bob")
    run_sync(context, dags)

    assert [one.reason for one in ended] == ["incident 221"]
    assert deployed_files(context) == {"orders.py": TWO}


def test_a_hold_that_begins_while_a_sync_runs_stops_that_sync(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})

    def hold_meanwhile() -> bool:
        with context.database.transaction() as connection:
            if not list_holds(connection, dags.id):
                held.append(True)
        if len(held) == 1:
            hold(context, "dags", reason="stop", actor="alice")
            held.append(True)
        return False

    held: list[bool] = []
    handlers(context)["sync"](dags.id, should_abort=hold_meanwhile)

    assert deployed_files(context) == {"orders.py": ONE}


def test_a_hold_until_a_new_head_ends_with_the_next_allowed_commit(
    context: Context, origin: Origin, dags: Repository
) -> None:
    hold(context, "dags", reason="bad data", actor="alice", until_new_head=True)
    run_sync(context, dags)
    origin.push("worse", {"orders.py": BAD})
    run_sync(context, dags)
    assert len(status_of(context).facts.holds) == 1

    sha = origin.push("better", {"orders.py": TWO})
    run_sync(context, dags)

    assert deployed_files(context) == {"orders.py": TWO}
    with context.database.transaction() as connection:
        (past,) = list_past_holds(connection, dags.id, 10)
    reason = f"the new head {sha[:7]} is allowed"
    assert (past.ended_by, past.end_reason) == ("windlass", reason)


def test_an_expiry_is_told_once_and_ends_nothing(context: Context, dags: Repository) -> None:
    hold(context, "dags", reason="incident 221", actor="alice", expires="4h")
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.hold).values(expires_at=sa.func.now()))

    told = [tell_expired(context), tell_expired(context)]

    assert told == [1, 0]
    assert tags(context, dags)[-1] == "hold:expired"
    assert len(status_of(context).facts.holds) == 1


def test_the_live_head_stays_live_while_held_and_says_so(
    context: Context, dags: Repository
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.deployment).values(state="live"))

    hold(context, "dags", reason="freeze", actor="alice")
    run_sync(context, dags)

    assert state(context)[0] is SyncState.LIVE
    assert state(context)[1].endswith("was seen in Airflow; held by alice: freeze")


def test_a_second_hold_by_a_person_is_refused_with_the_first(
    context: Context, dags: Repository
) -> None:
    hold(context, "dags", reason="freeze", actor="alice")

    with pytest.raises(Conflict, match="HOLD002 'dags' is held by alice: freeze"):
        hold(context, "dags", reason="again", actor="bob")


def test_ending_no_hold_is_refused(context: Context, dags: Repository) -> None:
    with pytest.raises(Conflict, match="HOLD001 nothing holds 'dags'"):
        unhold(context, "dags", reason="over", actor="bob")


def test_an_expiry_that_cannot_be_read_holds_nothing(context: Context, dags: Repository) -> None:
    with pytest.raises(Invalid, match="HOLD003 expiry 'soon'"):
        hold(context, "dags", reason="freeze", actor="alice", expires="soon")

    assert status_of(context).facts.holds == ()


def test_lifting_a_quarantine_deploys_its_content_again(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)
    bad = status_of(context).facts.deployed
    assert bad is not None
    roll_back(context)
    run_sync(context, dags)
    assert deployed_files(context) == {"orders.py": ONE}

    lifted = lift(context, "dags", bad.release_id, reason="it was the data", actor="alice")
    run_sync(context, dags)

    assert lifted == bad.release_id
    assert deployed_files(context) == {"orders.py": TWO}
    with context.database.transaction() as connection:
        assert find_quarantine(connection, dags.id, "any") is None


def test_lifting_what_is_not_quarantined_is_refused(context: Context, dags: Repository) -> None:
    current = status_of(context).facts.deployed
    assert current is not None

    with pytest.raises(Conflict, match="REL009 release #1 of 'dags' is not quarantined"):
        lift(context, "dags", current.release_id, reason="so", actor="alice")


def test_a_rollback_with_hold_keeps_the_next_commit_from_being_deployed(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)
    bad = status_of(context).facts.deployed
    assert bad is not None
    to = request_rollback(context, "dags", None, actor="alice", reason="wrong totals", hold=True)
    arguments = {"to": to, "bad": bad.release_id, "actor": "alice", "reason": "wrong totals"}
    handlers(context)["rollback"](dags.id, **arguments, should_abort=lambda: False)

    origin.push("third", {"orders.py": TWO + "Y = 3\n"})
    run_sync(context, dags)

    assert deployed_files(context) == {"orders.py": ONE}
    assert [h.kind for h in status_of(context).facts.holds] == [HoldKind.MANUAL]


def test_a_rollback_that_loses_its_lease_is_asked_for_again(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)
    bad = status_of(context).facts.deployed
    assert bad is not None
    arguments = {"to": 1, "bad": bad.release_id, "actor": "alice", "reason": "wrong totals"}

    class Held(Store):
        def write_release(self, *given: Any, **named: Any) -> None:
            hold(context, "dags", reason="meanwhile", actor="bob")
            super().write_release(*given, **named)

    slow = replace(context, store=Held(context.store.root))
    handlers(slow)["rollback"](dags.id, **arguments, should_abort=lambda: False)

    waiting = sa.text("SELECT args FROM procrastinate_jobs WHERE task_name = 'rollback'")
    with context.database.transaction() as connection:
        asked = connection.execute(waiting).scalars().all()
    assert asked == [{"repository_id": dags.id, **arguments}]
