"""The poll loop: what makes it ask for a sync, and what a remote that fails leaves behind."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, clone_of, register, run_sync, status_of
from windlass.database import tables as t
from windlass.database.history import list_events
from windlass.domain.finding import Severity
from windlass.domain.policy import Policy
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.notice import Poller
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"


@pytest.fixture
def settled(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository whose head is deployed, with no job waiting and its poll due."""
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    empty_queue(context)
    return repository


def empty_queue(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("DELETE FROM procrastinate_jobs"))


def make_due(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(next_poll_at=sa.func.now()))


def waiting(context: Context) -> list[tuple[str, int]]:
    """The jobs that wait: (name, repository)."""
    query = "SELECT task_name, (args ->> 'repository_id')::int FROM procrastinate_jobs ORDER BY id"
    with context.database.transaction() as connection:
        return [(name, number) for name, number in connection.execute(sa.text(query))]


def poll_due(context: Context) -> int:
    """One round of polls to its end; how many there were."""
    poller = Poller(context)
    begun = poller.poll_due()
    poller.wait()
    poller.close()
    return begun


def noticed(context: Context, repository: Repository) -> list[tuple[str | None, str]]:
    """The revisions that were noticed, and by what, oldest first."""
    with context.database.transaction() as connection:
        events = list_events(connection, repository.id, 100)
    return [(e.revision, e.facts["by"]) for e in events if e.tag == "revision:noticed"]


def test_a_push_is_noticed_and_a_sync_asked_for(
    context: Context, origin: Origin, settled: Repository
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})

    assert poll_due(context) == 1

    assert waiting(context) == [("sync", settled.id)]
    assert noticed(context, settled)[-1] == (sha, "poll")


def test_an_unchanged_head_asks_for_nothing(context: Context, settled: Repository) -> None:
    before = noticed(context, settled)

    assert poll_due(context) == 1

    assert (waiting(context), noticed(context, settled)) == ([], before)
    assert status_of(context).polled_at is not None


def test_nothing_is_asked_before_its_time(
    context: Context, settled: Repository, git_server: GitHttpServer
) -> None:
    poll_due(context)
    before = git_server.requests.total()

    assert (poll_due(context), git_server.requests.total()) == (0, before)


def test_a_sync_that_was_lost_is_asked_for_again_and_the_head_told_once(
    context: Context, origin: Origin, settled: Repository
) -> None:
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    poll_due(context)
    empty_queue(context)
    make_due(context)

    poll_due(context)

    assert waiting(context) == [("sync", settled.id)]
    assert noticed(context, settled).count((sha, "poll")) == 1


def test_another_policy_judges_the_same_head_again(context: Context, settled: Repository) -> None:
    poll_due(replace(context, policy=Policy(deny_at=Severity.LOW)))

    assert waiting(context) == [("sync", settled.id)]


def test_a_remote_that_fails_is_recorded_with_what_to_do_and_asked_later(
    context: Context, settled: Repository, origin: Origin
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(ref="gone"))

    poll_due(context)

    failure = status_of(context).facts.failure
    assert failure is not None
    assert (failure.code, failure.message, failure.hint) == (
        "GIT004",
        f"{origin.url} has no branch 'gone'",
        "Name an existing branch with --branch.",
    )
    assert waiting(context) == []
    assert poll_due(context) == 0


def test_a_host_that_is_away_shows_as_behind_until_it_answers_again(
    context: Context, settled: Repository, git_server: GitHttpServer
) -> None:
    git_server.offline()
    poll_due(context)
    away = sync_state(status_of(context).facts)[0]
    git_server.online()
    make_due(context)

    poll_due(context)

    assert (away, status_of(context).facts.failure) == (SyncState.BEHIND, None)


def test_one_failing_remote_does_not_keep_the_others_from_being_noticed(
    context: Context,
    settled: Repository,
    registration: Registration,
    git_server: GitHttpServer,
) -> None:
    git_server.create_repository("other", private=True)
    other = clone_of(git_server, "other", context.mirrors.with_name("other"))
    other.push("first", {"orders.py": ORDERS})
    second = register(context, registration, url=other.url)
    empty_queue(context)
    with context.database.transaction() as connection:
        broken = sa.update(t.repository).where(t.repository.c.id == settled.id)
        connection.execute(broken.values(ref="gone"))

    assert poll_due(context) == 2

    assert waiting(context) == [("sync", second.id)]


def test_polls_spread_within_a_tenth_of_the_interval(context: Context, settled: Repository) -> None:
    waits = []
    for _ in range(10):
        make_due(context)
        poll_due(context)
        status = status_of(context)
        assert status.polled_at is not None
        waits.append((status.next_poll_at - status.polled_at).total_seconds())

    # The next poll is counted from the claim, up to a second before the answer.
    assert [wait for wait in waits if not 53 <= wait <= 66] == []
    assert max(waits) - min(waits) > 1
