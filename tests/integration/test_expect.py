"""Commits that somebody says are there, and that the remote may not show yet."""

import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.serving import command_line
from tests.integration.test_notice import empty_queue, make_due, poll_due, waiting
from tests.integration.test_refs import events, failure, released
from windlass.database import tables as t
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.lifecycle import suspend
from windlass.engine.register import Registration, request_sync

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
LATER = "f" * 40


@pytest.fixture
def settled(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    empty_queue(context)
    return repository


def expected(context: Context) -> str | None:
    return status_of(context).repository.expected_revision


def due_in_s(context: Context) -> float:
    """How long until the remote is asked again, as of the transaction that said so."""
    left = sa.func.extract("epoch", t.repository.c.next_poll_at - sa.func.now())
    with context.database.transaction() as connection:
        return float(connection.execute(sa.select(left)).scalar_one())


def unpushed(origin: Origin, text: str) -> str:
    """A commit that the remote is yet to get."""
    (origin.clone / "orders.py").write_text(ORDERS + text)
    origin.git("commit", "--quiet", "-am", text)
    return origin.git("rev-parse", "HEAD")


def test_a_commit_that_is_there_is_found_by_the_sync_itself(
    context: Context, origin: Origin, settled: Repository
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})

    assert request_sync(context, "dags", sha.upper())
    assert (waiting(context), expected(context)) == ([("sync", settled.id)], sha)
    run_sync(context, settled)

    assert (released(context), expected(context)) == (sha, None)


def test_a_commit_that_a_newer_head_contains_is_there(
    context: Context, origin: Origin, settled: Repository
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    newer = origin.push("third", {"orders.py": ORDERS + "# 3\n"})
    request_sync(context, "dags", sha)
    run_sync(context, settled)

    assert (released(context), expected(context)) == (newer, None)


def test_a_commit_that_shows_late_is_released_without_anybody_asking_again(
    context: Context, origin: Origin, settled: Repository
) -> None:
    sha = unpushed(origin, "# late\n")
    request_sync(context, "dags", sha)
    run_sync(context, settled)
    empty_queue(context)
    assert (expected(context), 0 < due_in_s(context) <= 0.5) == (sha, True)
    origin.git("push", "--quiet", "origin", "HEAD:main")
    make_due(context)

    poll_due(context)
    assert waiting(context) == [("sync", settled.id)]
    run_sync(context, settled)

    assert (released(context), expected(context)) == (sha, None)
    assert events(context, settled, "revision:missing") == []


def test_a_commit_that_never_shows_is_asked_for_a_few_times_and_told(
    context: Context, origin: Origin, settled: Repository
) -> None:
    head = origin.git("rev-parse", "HEAD")
    request_sync(context, "dags", LATER)
    waits = list[float]()

    run_sync(context, settled)
    while expected(context):
        waits.append(due_in_s(context))
        make_due(context)
        poll_due(context)

    wanted = [0.5, 0.5, 1.0, 2.0, 4.0]
    assert len(waits) == len(wanted)
    assert all(want - 0.4 < found <= want for found, want in zip(waits, wanted, strict=True))
    [told] = events(context, settled, "revision:missing")
    assert {k: told[k] for k in ("revision", "head", "asked", "seconds")} == {
        "revision": LATER,
        "head": head,
        "asked": 6,
        "seconds": 8.0,
    }
    assert status_of(context).facts.failure is None


def test_where_history_was_cut_the_remote_is_asked_again_too(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    repository = register(context, registration, options={"depth": 1})
    request_sync(context, "dags", LATER)

    run_sync(context, repository)
    assert expected(context) == LATER
    while expected(context):
        make_due(context)
        poll_due(context)

    [told] = events(context, repository, "revision:missing")
    assert told["or"] == "it is older than the mirror reaches (option depth)"


def test_the_commit_that_was_asked_for_last_counts(context: Context, settled: Repository) -> None:
    request_sync(context, "dags", LATER)
    run_sync(context, settled)
    request_sync(context, "dags", "e" * 40)

    with context.database.transaction() as connection:
        row = connection.execute(sa.select(t.repository)).one()
    assert (row.expected_revision, row.expected_tries) == ("e" * 40, 0)


def test_a_worker_without_the_mirror_fetches_before_it_says_anything(
    context: Context, origin: Origin, settled: Repository
) -> None:
    old = origin.git("rev-parse", "HEAD")
    origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    run_sync(context, settled)
    context.mirror_of(settled).delete()
    request_sync(context, "dags", old)
    empty_queue(context)
    make_due(context)

    poll_due(context)
    assert (waiting(context), expected(context)) == ([("sync", settled.id)], old)
    run_sync(context, settled)

    assert expected(context) is None


def test_what_is_no_commit_is_refused_and_a_suspended_repository_too(
    context: Context, settled: Repository
) -> None:
    for text in ("main", "3f9c2d1", "-" * 40):
        assert failure(lambda text=text: request_sync(context, "dags", text)).code == "REPO003"  # type: ignore[misc]
    suspend(context, "dags", reason="r", actor="alice")

    assert failure(lambda: request_sync(context, "dags", LATER)).code == "REPO017"
    assert expected(context) is None


def test_the_command_line_waits_for_the_commit_and_says_that_it_is_not_there(
    context: Context, settled: Repository, room: Path
) -> None:
    def work() -> None:
        while not waiting(context):
            pass
        run_sync(context, settled)
        while expected(context):
            make_due(context)
            poll_due(context)
        empty_queue(context)

    worker = threading.Thread(target=work)
    worker.start()
    with command_line(context, room) as windlass:
        result: Any = windlass.run("repo", "sync", "dags", "--revision", LATER, "--wait")
    worker.join()

    assert result.exit_code == 1
    said = [line for line in result.stdout.splitlines() if "[info" not in line]  # the worker's log
    assert said == [
        "Asked for a sync.",
        "The remote does not have fffffff on branch main: it was asked 6 times",
        "in 8 s. If it is pushed there, the next poll finds it.",
    ]
