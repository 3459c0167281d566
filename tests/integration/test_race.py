"""Two repositories and one dag_id: who gets it never depends on who is quicker."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    Origin,
    clone_of,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from windlass.artifacts.store import Store
from windlass.database import tables as t
from windlass.database.repositories import get_repository
from windlass.domain.finding import Finding
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change, remove, suspend
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.entrypoints.demo.gitserver import GitHttpServer

ORDERS = "from airflow.sdk import DAG\ndag = DAG('orders')\n"
HELLO = "from airflow.sdk import DAG\ndag = DAG('hello')\n"
ROUNDS = 100


@pytest.fixture
def both(context: Context, origin: Origin, registration: Registration) -> list[Repository]:
    """`zeta` and `alpha`, never synced, that want one dag_id."""
    origin.push("first", {"orders.py": ORDERS})
    return [register(context, registration, name=name) for name in ("zeta", "alpha")]


def state_of(context: Context, name: str) -> SyncState:
    return sync_state(status_of(context, name).facts)[0]


def owner(context: Context, dag_id: str = "orders") -> str | None:
    query = (
        sa.select(t.repository.c.name)
        .join(t.dag_claim, t.dag_claim.c.repository_id == t.repository.c.id)
        .where(t.dag_claim.c.dag_id == dag_id)
    )
    with context.database.transaction() as connection:
        return connection.execute(query).scalar_one_or_none()


def findings(context: Context, name: str) -> tuple[Finding, ...]:
    return status_of(context, name).facts.findings


def test_the_lower_name_has_the_id_though_it_is_synced_last(
    context: Context, both: list[Repository]
) -> None:
    zeta, alpha = both

    for repository in (zeta, alpha, zeta):
        run_sync(context, repository)

    assert owner(context) == "alpha"
    assert [(f.code, f.place, f.message) for f in findings(context, "zeta")] == [
        (
            "STR001",
            "orders.py",
            "the dag_id 'orders' belongs to the repository 'alpha' (its file orders.py)",
        )
    ]


def test_the_higher_priority_has_the_id_whatever_the_names(
    context: Context, both: list[Repository]
) -> None:
    zeta = change(context, "zeta", Change(options={"priority": 1}), actor="alice")

    for repository in (both[1], zeta, both[1]):
        run_sync(context, repository)

    assert owner(context) == "zeta"


def test_who_has_the_id_keeps_it_from_a_newcomer_that_would_come_first(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    zeta = register(context, registration, name="zeta")
    run_sync(context, zeta)

    alpha = register(context, registration, name="alpha")
    run_sync(context, alpha)

    assert owner(context) == "zeta"
    assert state_of(context, "alpha") is SyncState.DENIED


def test_a_newcomer_does_not_wait_for_one_that_cannot_be_reached(
    context: Context, both: list[Repository]
) -> None:
    with context.database.transaction() as connection:
        alpha = t.repository.c.name == "alpha"
        connection.execute(sa.update(t.repository).where(alpha).values(failures=1))

    run_sync(context, both[0])

    assert owner(context) == "zeta"


def test_a_newcomer_does_not_wait_for_a_first_sync_that_takes_for_ever(
    context: Context, both: list[Repository]
) -> None:
    with context.database.transaction() as connection:
        old = sa.func.now() - sa.text("interval '31 seconds'")
        connection.execute(sa.update(t.repository).values(created_at=old))

    run_sync(context, both[0])

    assert owner(context) == "zeta"


def test_a_revision_that_is_denied_wants_nothing(
    context: Context, origin: Origin, both: list[Repository], git_server: GitHttpServer
) -> None:
    zeta, alpha = both
    git_server.create_repository("team/broken", private=True)
    clone = clone_of(git_server, "team/broken", origin.clone.parent / "broken")
    clone.push("first", {"orders.py": ORDERS, "bad.py": "def\n"})
    with context.database.transaction() as connection:
        is_alpha = t.repository.c.name == "alpha"
        connection.execute(sa.update(t.repository).where(is_alpha).values(url=clone.url))
        alpha = get_repository(connection, "alpha")

    run_sync(context, alpha)
    run_sync(context, zeta)

    assert owner(context) == "zeta"


def test_who_is_judged_first_and_comes_second_gives_way_at_the_last_moment(
    context: Context, origin: Origin, both: list[Repository]
) -> None:
    zeta, alpha = both
    with context.database.transaction() as connection:
        old = sa.func.now() - sa.text("interval '31 seconds'")
        connection.execute(sa.update(t.repository).values(created_at=old))

    class Slow(Store):
        def write_release(self, *given: object, **more: object) -> None:
            if not synced:
                synced.append(True)
                judged_too()
            super().write_release(*given, **more)  # type: ignore[arg-type]

    def judged_too() -> None:
        """`alpha` is judged and wants the id, and has not claimed it yet."""
        with context.database.transaction() as connection:
            row = {"environment_id": 1, "dag_id": "orders", "path": "orders.py"}
            connection.execute(sa.insert(t.dag_wish).values(repository_id=alpha.id, **row))

    synced: list[bool] = []
    run_sync(replace(context, store=Slow(context.store.root)), zeta)

    failure = status_of(context, "zeta").facts.failure
    assert failure is not None
    assert failure.code == "DEP006"
    assert owner(context) is None
    run_sync(context, alpha)
    run_sync(context, zeta)
    assert owner(context) == "alpha"
    assert state_of(context, "zeta") is SyncState.DENIED


def test_a_loser_gets_the_id_when_the_winner_does_not_want_it_any_more(
    context: Context, both: list[Repository]
) -> None:
    zeta, alpha = both
    for repository in (alpha, zeta):
        run_sync(context, repository)

    remove(context, "alpha", reason="over", actor="alice")
    go_on_removing(context)
    run_sync(context, zeta)

    assert owner(context) == "zeta"


def test_a_suspended_newcomer_is_not_waited_for(context: Context, both: list[Repository]) -> None:
    suspend(context, "alpha", reason="later", actor="alice")

    run_sync(context, both[0])

    assert owner(context) == "zeta"


@pytest.mark.parametrize("added_first", [True, False])
def test_a_dag_moves_from_one_repository_to_another_in_any_order(
    context: Context,
    origin: Origin,
    registration: Registration,
    git_server: GitHttpServer,
    added_first: bool,
) -> None:
    git_server.create_repository("team/new", private=True)
    clone = clone_of(git_server, "team/new", origin.clone.parent / "new")
    origin.push("first", {"orders.py": ORDERS, "hello.py": HELLO})
    clone.push("first", {"README.md": "new"})
    old = register(context, registration, name="old")
    new = register(context, registration, name="new", url=clone.url)
    for repository in (new, old):
        run_sync(context, repository)

    steps = [(clone, ORDERS, new), (origin, None, old)]
    for where, text, repository in steps if added_first else reversed(steps):
        where.push("move", {"orders.py": text})
        run_sync(context, repository)
    run_sync(context, new)

    assert owner(context) == "new"
    assert "orders.py" in deployed_files(context, status_of(context, "new").bundle or "")


def race(context: Context, repositories: list[Repository]) -> None:
    """Two workers sync all of them, each in an order of its own, until all are settled; as the
    queue has it, only one at a time syncs a repository."""
    locks = {repository.id: threading.Lock() for repository in repositories}

    def work(mine: list[Repository]) -> None:
        deadline = time.monotonic() + 180
        for repository in mine:
            while status_of(context, repository.name).facts.settled_revision is None:
                assert time.monotonic() < deadline
                with locks[repository.id]:
                    run_sync(context, repository)

    orders = (repositories, repositories[::-1])
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(work, orders))


@pytest.mark.timeout(600)
def test_a_race_of_two_workers_ends_a_hundred_times_the_same(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    won = []
    for _ in range(ROUNDS):
        both = [register(context, registration, name=name) for name in ("zeta", "alpha")]
        race(context, both)
        won.append(owner(context))
        for one in both:
            remove(context, one.name, reason="next round", actor="alice")
        go_on_removing(context)

    assert won == ["alpha"] * ROUNDS
