"""A worker dies at every moment of the path; whoever comes next finishes, and nothing is torn."""

import itertools
import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    Origin,
    deployed_files,
    register,
    run_sync,
    status_of,
    whole,
)
from tests.integration.dying import (
    UNTOUCHED,
    Lingers,
    dies_in_job,
    stopped_in_job,
    told_to_stop_in_job,
)
from tests.integration.test_worker import Worker, deployed
from tests.waiting import wait_until
from windlass.artifacts.collect import remove_leftovers
from windlass.artifacts.verify import Drift, Verifier
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.register import Registration, request_sync
from windlass.engine.tick import repair_pointers
from windlass.engine.worker import handlers
from windlass.sandbox.checker import Checker

FILES: dict[str, str | None] = {
    "orders.py": "import rates\nfrom airflow.sdk import DAG\nDAG('orders')\n",
    "other.py": "from airflow.sdk import DAG\nDAG('other')\n",
    "rates.py": "VAT = 25\n",
}


def assert_whole(context: Context, expected: dict[str, str | None]) -> None:
    """Everything is as if nobody had died."""
    repair_pointers(context)
    r, d = t.release.c, t.deployment.c
    with context.database.transaction() as connection:
        newest = connection.execute(
            sa.select(r.id, r.artifact_digest).order_by(r.id.desc())
        ).first()
        assert newest is not None
        artifact = context.artifacts.get(connection, newest.artifact_digest)
        states = list(connection.execute(sa.select(d.state).order_by(d.id.desc())).scalars())
    assert deployed_files(context) == expected
    assert context.store.read_pointer("default", "one") == newest.id
    assert states == [DeploymentState.PUBLISHED] + [DeploymentState.SUPERSEDED] * (len(states) - 1)
    assert Verifier(context.store).verify(ReleaseId(newest.id), artifact) == Drift()
    assert status_of(context).facts.failure is None


def assert_no_leftovers(context: Context) -> None:
    remove_leftovers(context.store, older_than_s=0)
    assert list(context.store.root.rglob(".*")) == []


def finish(context: Context, repository: Repository, sha: str) -> None:
    """Deploy this head; what another worker holds in the database is free again after a while."""

    def is_done() -> bool:
        run_sync(context, repository)
        return deployed(context) == sha

    wait_until(is_done, "another worker went on")


def changed(number: int) -> dict[str, str | None]:
    return {"rates.py": f"VAT = {100 + number}\n"}


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", FILES)
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


@pytest.mark.timeout(300)
def test_a_worker_may_die_at_any_moment_of_a_sync(
    context: Context, origin: Origin, repository: Repository
) -> None:
    deaths = 0
    while True:
        origin.push(f"{deaths}", changed(deaths))
        if not dies_in_job(context, deaths, "sync", repository.id):
            break
        deaths += 1

        run_sync(context, repository)

        assert_whole(context, {**FILES, **changed(deaths - 1)})
    assert deaths > 30
    assert_no_leftovers(context)


@pytest.mark.timeout(300)
def test_a_worker_may_die_at_any_moment_of_a_rollback(
    context: Context, origin: Origin, repository: Repository
) -> None:
    deaths, died = 0, True
    while died:
        origin.push(f"{deaths}", changed(deaths))
        run_sync(context, repository)
        bad = context.store.read_pointer("default", "one")
        asked = {"to": ReleaseId(1), "bad": bad, "actor": "alice", "reason": "wrong totals"}
        died = dies_in_job(context, deaths, "rollback", repository.id, **asked)
        deaths += died

        handlers(context)["rollback"](repository.id, **asked, should_abort=lambda: False)

        assert_whole(context, FILES)
        with context.database.transaction() as connection:
            quarantined = t.release.c.quarantined_at.is_not(None)
            query = sa.select(sa.func.max(t.release.c.id)).where(quarantined)
            assert connection.execute(query).scalar_one() == bad
    assert deaths > 20
    assert_no_leftovers(context)


@pytest.mark.timeout(300)
def test_a_worker_that_stops_at_any_moment_and_wakes_late_changes_nothing_any_more(
    context: Context, origin: Origin, repository: Repository
) -> None:
    moment, is_stopped = 0, True
    while is_stopped:
        origin.push(f"old {moment}", changed(moment))
        with stopped_in_job(context, moment, "sync", repository.id) as is_stopped:
            newest = origin.push(f"new {moment}", changed(1000 + moment))
            finish(context, repository, newest)
        moment += 2

        assert_whole(context, {**FILES, **changed(1000 + moment - 2)})
    assert moment > 30
    assert_no_leftovers(context)


@pytest.mark.timeout(240)
def test_a_database_that_is_restarted_in_the_middle_of_syncs_loses_nothing(
    room: Path, checker: Checker, origin: Origin, registration: Registration
) -> None:
    server = EmbeddedPostgres(room / "postgres", durable=False)
    database = Database(server.start())
    try:
        database.migrate()
        context = whole(database, room, checker)
        origin.push("first", FILES)
        register(context, registration, sync_interval="1s")
        workers: list[Worker] = []

        def is_done() -> bool:
            """Whoever runs it starts it again where it lost the queue's connections."""
            if not workers or workers[-1].process.poll() is not None:
                workers.append(
                    Worker(context, room, len(workers), ["-m", "windlass", "worker"], {})
                )
            return deployed(context) == last

        last = ""
        is_done()
        for number in range(4):
            last = origin.push(f"{number}", changed(number))
            time.sleep(0.15 * number)  # another moment each time
            server.stop()
            server.start()
        wait_until(is_done, "the last commit is deployed")
        workers[-1].end(signal.SIGTERM)
    finally:
        database.close()
        server.stop()


def revisions(context: Context) -> list[str]:
    """The commits of all releases, in the order in which they were made."""
    with context.database.transaction() as connection:
        query = sa.select(t.release.c.revision).order_by(t.release.c.id)
        return list(connection.execute(query).scalars())


def forget_the_dead(context: Context) -> None:
    """Workers that beat no more have been silent for long: what they held may be taken."""
    with context.database.transaction() as connection:
        silent = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
        connection.execute(sa.text(silent))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lingers", Lingers)
def test_a_worker_may_be_told_to_stop_at_any_moment_of_a_sync_and_the_next_one_finishes(
    context: Context, origin: Origin, repository: Repository, lingers: Lingers
) -> None:
    """Each of the three has every third moment, so that together they have all. What a worker
    that hung held in the queue is taken over by the worker of the next round."""
    pushed = revisions(context)
    for moment in itertools.count([*Lingers].index(lingers), 3):
        pushed.append(origin.push(f"{moment}", changed(moment)))
        request_sync(context, "dags")
        ended = told_to_stop_in_job(context, moment, lingers)
        if ended == UNTOUCHED:
            break
        assert ended == (70 if lingers is Lingers.FOR_EVER else 0)
        if lingers is Lingers.NOT:
            assert deployed(context) == pushed[-1]
        else:
            forget_the_dead(context)
            run_sync(context, repository)

        assert_whole(context, {**FILES, **changed(moment)})
    assert moment > 30
    assert revisions(context) == pushed
    assert_no_leftovers(context)
