"""Claims, leases, bundles, back-off and history on a real PostgreSQL."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import make_environment
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.database.credentials import StoredCredential, find_credential, put_credential
from windlass.database.deployments import bind_bundle
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.history import list_events, record_event
from windlass.database.jobs import Jobs
from windlass.database.polls import clear_failure, record_failure, record_poll
from windlass.database.repositories import (
    NewRepository,
    add_repository,
    claim_due,
    get_repository,
    hold_lease,
    settle,
    settled_on,
    take_lease,
    unsettle,
)
from windlass.domain.errors import AppError, Conflict, Invalid, LeaseLost, NotFound, Unavailable
from windlass.domain.events import Event
from windlass.domain.ref import Ref, RefKind
from windlass.domain.repository import CommitSha, Lease, Repository

SHA = CommitSha("a" * 40)
AWAY = Unavailable("GIT006", "https://git.example/x cannot be fetched now: HTTP 502")


def store(database: Database, name: str, interval_s: int = 60) -> Repository:
    new = NewRepository(
        name=name,
        namespace=name,
        environment="default",
        url=f"https://git.example/{name}",
        ref=Ref(RefKind.BRANCH, "main"),
        path=".",
        credential=None,
        sync_interval_s=interval_s,
    )
    with database.transaction() as connection:
        make_environment(connection)
        return add_repository(connection, new)


def lease_of(database: Database, name: str) -> Lease:
    with database.transaction() as connection:
        return take_lease(connection, get_repository(connection, name).id)


def bind(database: Database, name: str) -> str:
    lease = lease_of(database, name)
    with database.transaction() as connection:
        return bind_bundle(connection, lease)


def next_poll_in_s(database: Database, repository: Repository) -> float:
    wait = sa.func.extract("epoch", t.repository.c.next_poll_at - sa.func.now())
    query = sa.select(wait).where(t.repository.c.id == repository.id)
    with database.transaction() as connection:
        return float(connection.execute(query).scalar_one())


def together(*steps: Callable[[], object]) -> list[object]:
    """What each step returned or raised, all of them run at the same time."""
    barrier = threading.Barrier(len(steps))
    results: dict[int, object] = {}

    def run(number: int, step: Callable[[], object]) -> None:
        barrier.wait(60)
        try:
            results[number] = step()
        except AppError as error:
            results[number] = error.code

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [results[number] for number in range(len(steps))]


def test_two_workers_never_claim_one_repository(database: Database) -> None:
    names = [f"r{number:02d}" for number in range(20)]
    for name in names:
        store(database, name)

    with database.transaction() as one, database.transaction() as other:
        claimed = [claim_due(one, 12), claim_due(other, 12)]

    claims = [[due.repository.name for due in batch] for batch in claimed]
    assert [len(batch) for batch in claims] == [12, 8]
    assert sorted(claims[0] + claims[1]) == names


def test_a_claimed_repository_is_not_due_again_before_its_interval(database: Database) -> None:
    repository = store(database, "dags", interval_s=100)

    with database.transaction() as connection:
        first, second = claim_due(connection, 5), claim_due(connection, 5)

    assert ([due.repository for due in first], second) == ([repository], [])
    assert 89 < next_poll_in_s(database, repository) <= 110


def test_next_polls_are_spread_over_a_tenth_of_the_interval_either_way(database: Database) -> None:
    many = [store(database, f"r{number}", interval_s=1000) for number in range(40)]

    with database.transaction() as connection:
        claim_due(connection, 40)

    waits = sorted(next_poll_in_s(database, one) for one in many)
    assert 895 <= waits[0] < 950
    assert 1050 < waits[-1] <= 1100


def test_a_failure_puts_the_next_poll_off_as_the_rule_for_its_kind_says(database: Database) -> None:
    """The rule itself is tested in tests/unit/domain/test_retry.py."""
    repository = store(database, "dags", interval_s=60)
    waits = []
    for error in (AWAY, AWAY, Invalid("GIT002", "refused")):
        with database.transaction() as connection:
            record_failure(connection, repository.id, error)
        waits.append(next_poll_in_s(database, repository))

    assert [low <= wait <= 1.5 * low for wait, low in zip(waits, (12, 24, 192), strict=True)] == [
        True
    ] * 3


def test_the_failure_before_is_told_and_a_success_begins_the_back_off_anew(
    database: Database,
) -> None:
    repository = store(database, "dags", interval_s=60)
    with database.transaction() as connection:
        earlier = [record_failure(connection, repository.id, AWAY) for _ in range(4)]
        clear_failure(connection, repository.id)
        earlier.append(record_failure(connection, repository.id, AWAY))

    assert earlier == [None, AWAY.code, AWAY.code, AWAY.code, None]
    assert 11.9 <= next_poll_in_s(database, repository) <= 18


def test_a_second_lease_makes_every_write_of_the_first_raise(database: Database) -> None:
    store(database, "dags")
    first, second = lease_of(database, "dags"), lease_of(database, "dags")

    with database.transaction() as connection:
        with pytest.raises(LeaseLost) as lost:
            hold_lease(connection, first)
        with pytest.raises(LeaseLost):
            settle(connection, first, SHA, "inputs")
    with database.transaction() as connection:
        settle(connection, second, SHA, "inputs")
        assert settled_on(connection, first.repository.id) == (SHA, "inputs")
    assert str(lost.value) == "SYNC001 another worker took over the sync of 'dags'"


def test_a_lease_cannot_be_taken_while_another_holds_it_in_a_transaction(
    database: Database,
) -> None:
    store(database, "dags")
    first = lease_of(database, "dags")
    taken = threading.Event()

    def take() -> None:
        lease_of(database, "dags")
        taken.set()

    with database.transaction() as connection:
        hold_lease(connection, first)
        thread = threading.Thread(target=take)
        thread.start()
        taken_meanwhile = taken.wait(0.3)
    thread.join(60)

    assert (taken_meanwhile, taken.is_set()) == (False, True)


def test_unsettling_makes_the_repository_due_and_its_head_judged_again(database: Database) -> None:
    repository = store(database, "dags")
    lease = lease_of(database, "dags")
    with database.transaction() as connection:
        claim_due(connection, 1)
        settle(connection, lease, SHA, "inputs")

    with database.transaction() as connection:
        unsettle(connection, lease.repository.id)

    with database.transaction() as connection:
        assert settled_on(connection, repository.id) is None
        assert [due.repository for due in claim_due(connection, 1)] == [repository]


def test_a_repository_gets_the_bundle_of_its_own_name_first(database: Database) -> None:
    store(database, "two")

    assert bind(database, "two") == "two"
    assert bind(database, "two") == "two"


def test_a_used_up_pool_names_the_setting_to_change(database: Database) -> None:
    for name in ("a", "b", "c"):
        store(database, name)
    bound = [bind(database, name) for name in ("a", "b")]

    with pytest.raises(Conflict) as refused:
        bind(database, "c")

    assert bound == ["one", "two"]
    assert str(refused.value) == (
        "DEP001 no bundle is free in the environment 'default': all 2 for repositories of no team "
        "are in use Make more: windlass environment set default --bundles 4, then give Airflow the "
        "new `windlass airflow config`. Or remove a repository."
    )


def test_racing_binders_get_different_bundles_and_the_last_none(database: Database) -> None:
    names = ("a", "b", "c")
    for name in names:
        store(database, name)

    bound = together(*(lambda name=name: bind(database, name) for name in names))

    assert sorted(str(one) for one in bound) == ["DEP001", "one", "two"]


def test_a_name_that_is_taken_is_a_conflict_also_in_a_race(database: Database) -> None:
    store(database, "other")

    results = together(*(lambda: store(database, "dags").name for _ in range(4)))

    assert sorted(str(result) for result in results) == ["REPO010"] * 3 + ["dags"]


def test_an_unknown_repository_is_told_with_the_names_there_are(database: Database) -> None:
    for name in ("b", "a"):
        store(database, name)

    with database.transaction() as connection, pytest.raises(NotFound) as unknown:
        get_repository(connection, "c")

    assert str(unknown.value) == "REPO011 there is no repository 'c' There are: a, b."


def test_a_head_is_news_once(database: Database) -> None:
    repository = store(database, "dags")

    with database.transaction() as connection:
        assert [record_poll(connection, repository.id, SHA) for _ in range(2)] == [True, False]


def test_events_come_back_in_the_order_they_happened(database: Database) -> None:
    repository = store(database, "dags")
    with database.transaction() as connection:
        for number in range(5):
            record_event(
                connection, Event.REVISION_NOTICED, repository_id=repository.id, number=number
            )

    with database.transaction() as connection:
        newest = list_events(connection, repository.id, 3)

    assert [event.facts["number"] for event in newest] == [2, 3, 4]
    assert [event.at for event in newest] == sorted({event.at for event in newest})
    assert newest[0].at.utcoffset() == timedelta()


def test_what_a_failed_transaction_wrote_is_gone(database: Database) -> None:
    repository = store(database, "dags")

    def fail() -> None:
        with database.transaction() as connection:
            record_event(connection, Event.SYNC_FAILED, repository_id=repository.id)
            Jobs().defer_sync(connection, repository.id)
            raise Invalid("TEST001", "on purpose")

    with pytest.raises(Invalid):
        fail()

    with database.transaction() as connection:
        assert list_events(connection, repository.id, 10) == []
        assert Jobs().defer_sync(connection, repository.id) is True


def test_a_refused_second_request_leaves_the_callers_transaction_usable(
    database: Database,
) -> None:
    repository = store(database, "dags")

    with database.transaction() as connection:
        asked = [Jobs().defer_sync(connection, repository.id) for _ in range(2)]
        record_event(connection, Event.REVISION_NOTICED, repository_id=repository.id)

    with database.transaction() as connection:
        assert (asked, len(list_events(connection, repository.id, 10))) == ([True, False], 1)


def test_a_credential_can_be_replaced(database: Database) -> None:
    with database.transaction() as connection:
        for secret in (b"old", b"new"):
            put_credential(connection, "dags", StoredCredential("ci", secret))

        assert find_credential(connection, "dags") == StoredCredential("ci", b"new")
        assert find_credential(connection, "other") is None


def test_a_database_that_is_not_there_is_unavailable_and_keeps_its_password() -> None:
    database = Database("postgresql://windlass:s3cret@127.0.0.1:1/windlass")

    with pytest.raises(Unavailable) as away, database.transaction():
        pass

    assert (away.value.code, away.value.hint) == (
        "DB001",
        "Is `windlass up` running, or the server of WINDLASS_DATABASE_URL?",
    )
    assert "Connection refused" in away.value.message
    assert "s3cret" not in f"{away.value}{away.value!r}{database!r}{vars(database)['_engine']!r}"


def test_a_server_that_stops_is_unavailable_and_usable_again_after_its_start(
    session_folder: Path,
) -> None:
    server = EmbeddedPostgres(session_folder / "postgres-stops", durable=False)
    database = Database(server.start())
    try:
        with database.transaction() as connection:
            connection.execute(sa.text("SELECT 1"))
            server.stop()
            with pytest.raises(Unavailable) as away, database.transaction() as other:
                other.execute(sa.text("SELECT 1"))
    except Unavailable as error:
        outer = error.code
    server.start()

    with database.transaction() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    assert (away.value.code, outer) == ("DB001", "DB001")
    database.close()
    server.stop()


def test_a_process_that_was_stopped_in_a_transaction_for_too_long_is_told_as_unavailable(
    database: Database,
) -> None:
    def stop_in_transaction() -> None:
        with database.transaction() as connection:
            connection.execute(sa.text("SET idle_in_transaction_session_timeout = 10"))
            time.sleep(0.3)  # as a process does that is not given any time
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(Unavailable) as away:
        stop_in_transaction()

    assert away.value.code == "DB001"


def test_a_connection_that_is_cut_in_a_transaction_is_unavailable(database: Database) -> None:
    cut = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable) as away, database.transaction() as connection:
        connection.execute(cut)

    assert away.value.code == "DB001"


def test_a_used_up_pool_of_connections_is_unavailable(database: Database) -> None:
    small = Database(database.url, pool_size=1, wait_s=0.1)

    with small.transaction(), pytest.raises(Unavailable) as busy, small.transaction():
        pass

    small.close()
    assert str(busy.value) == (
        "DB002 every connection of this process to the database is in use "
        "Try again in a few seconds."
    )


def test_times_come_back_in_utc(database: Database) -> None:
    with database.transaction() as connection:
        now: datetime = connection.execute(sa.select(sa.func.now())).scalar_one()

    assert now.utcoffset() == timedelta()


def test_connections_that_only_a_burst_needed_are_left_to_be_closed(database: Database) -> None:
    def backend(connection: sa.Connection) -> tuple[int, str]:
        query = sa.text("SELECT pg_backend_pid(), current_setting('idle_session_timeout')")
        pid, limit = connection.execute(query).one()
        return pid, limit

    with database.transaction() as first:
        with database.transaction() as second:
            backend(second)
        last = backend(first)
    with database.transaction() as connection:
        given = backend(connection)

    assert (given, given[1]) == (last, "30s")
