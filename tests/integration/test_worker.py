"""The worker as a process of its own: what it does, how it ends, and what its death leaves."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    PASSWORD,
    Origin,
    clone_of,
    deployed_files,
    register,
    status_of,
)
from tests.waiting import wait_until
from windlass.artifacts.verify import Verifier
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.database.credentials import StoredCredential, put_credential
from windlass.database.history import list_events
from windlass.database.jobs import Jobs, JobWorker
from windlass.domain.policy import Policy
from windlass.domain.repository import RepositoryId, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.register import Registration, request_sync
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer

ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
SILENT_S = 4
QUICK_TO_TAKE_OVER = f"""
from datetime import timedelta
from windlass.app import build_context, open_database, prepare
from windlass.engine.loops import run_worker
from windlass.entrypoints.logs import configure_logs
from windlass.settings import load_settings

settings = load_settings()
configure_logs("json", "worker")
context = build_context(settings, open_database(settings))
prepare(settings, context)
history = timedelta(days=365)
run_worker(context, concurrency=4, keep_releases=20, history=history, silent_s={SILENT_S})
"""


class Worker:
    """A child process with a log of JSON lines."""

    def __init__(
        self,
        context: Context,
        room: Path,
        number: int,
        arguments: list[str],
        more: dict[str, str],
    ) -> None:
        self.log = room / f"worker-{number}.log"
        env = {
            "PATH": os.environ["PATH"],
            "WINDLASS_HOME": str(room),
            "WINDLASS_DATABASE_URL": context.database.url,
            "WINDLASS_ALLOWED_HOSTS": "127.0.0.1",
            "WINDLASS_LOG_FORMAT": "json",
            **more,
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments], env=env, cwd="/", stderr=log, stdout=log
            )

    def tags(self) -> list[str]:
        whole, _, _ = self.log.read_text().rpartition("\n")  # the last line may be half written
        return [json.loads(line)["event"] for line in whole.splitlines()]

    def end(self, number: signal.Signals, limit_s: float = 60) -> int:
        self.process.send_signal(number)
        return self.process.wait(limit_s)


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(context: Context, room: Path) -> Iterator[StartWorker]:
    """Start `windlass worker`; with `quick` one that takes over from silent ones after 4 s. Other
    arguments are further variables."""
    workers: list[Worker] = []

    def start(*, quick: bool = False, **more: str) -> Worker:
        arguments = ["-c", QUICK_TO_TAKE_OVER] if quick else ["-m", "windlass", "worker"]
        workers.append(Worker(context, room, len(workers), arguments, more))
        return workers[-1]

    yield start
    for worker in workers:
        worker.process.kill()
        worker.process.wait()


@contextlib.contextmanager
def silent_server(origin: Origin) -> Iterator[None]:
    """Something that takes connections at the origin's address and never says a word."""
    address = ("127.0.0.1", urlsplit(origin.url).port or 0)
    with socket.create_server(address, backlog=50):
        yield


def deployed(context: Context, name: str = "dags") -> str | None:
    found = status_of(context, name).facts.deployed
    return found.revision if found else None


def jobs_in(context: Context, status: str) -> int:
    query = "SELECT count(*) FROM procrastinate_jobs WHERE status::text = :status"
    with context.database.transaction() as connection:
        return int(connection.execute(sa.text(query), {"status": status}).scalar_one())


def is_idle(context: Context) -> bool:
    return jobs_in(context, "todo") + jobs_in(context, "doing") == 0


def syncs_of(context: Context, name: str) -> tuple[str, int]:
    """The syncs of a repository as letters in order (Fetched, Allowed, Published), and how many
    leases were taken for them."""
    letters = {"revision:fetched": "F", "verdict:allowed": "A", "release:published": "P"}
    repository = status_of(context, name).repository
    query = "SELECT lease_epoch FROM repository WHERE id = :id"
    with context.database.transaction() as connection:
        events = list_events(connection, repository.id, 1000)
        epoch = connection.execute(sa.text(query), {"id": repository.id}).scalar_one()
    return "".join(letters.get(event.tag, "") for event in events), epoch


def dag(name: str, number: int) -> str:
    """A DAG whose id no other repository uses."""
    return f"from airflow.sdk import DAG\nDAG('{name}')\n# {number}\n"


@dataclass
class Seen:
    """What a reader of the store met: releases that were whole, and what was not as it must be."""

    releases: set[int] = field(default_factory=set)
    torn: list[str] = field(default_factory=list)


@contextlib.contextmanager
def reading(context: Context) -> Iterator[Seen]:
    """A reader that follows every pointer, again and again, as Airflow's side would."""
    seen, stop = Seen(), threading.Event()
    bundles = context.store.pointer("default", "any").parent

    def look(bundle: str) -> None:
        release = context.store.read_pointer("default", bundle)
        if release is None:
            return
        with context.database.transaction() as connection:
            digest = sa.select(t.release.c.artifact_digest).where(t.release.c.id == release)
            artifact = context.artifacts.get(connection, connection.execute(digest).scalar_one())
        drift = Verifier(context.store).verify(release, artifact)
        seen.releases.add(release)
        seen.torn += [f"{bundle} {release}: {words}" for words in drift.words]

    def run() -> None:
        while not stop.is_set():
            for bundle in sorted(place.name for place in bundles.iterdir()):
                if not bundle.startswith("."):
                    look(bundle)

    reader = threading.Thread(target=run)
    reader.start()
    try:
        yield seen
    finally:
        stop.set()
        reader.join()


def overlaps_of(context: Context, name: str) -> int:
    """How often a sync of the repository began before the one before it had ended."""
    syncs, leases = syncs_of(context, name)
    return 0 if re.fullmatch("(F(AP?)?)+", syncs) and leases == syncs.count("F") else 1


def drift_of(context: Context) -> dict[str, tuple[str, ...]]:
    """Every release in the store that is not what its row says."""
    with context.database.transaction() as connection:
        rows = connection.execute(sa.select(t.release.c.id, t.release.c.artifact_digest)).all()
        artifacts = {row.id: context.artifacts.get(connection, row.artifact_digest) for row in rows}
    verifier = Verifier(context.store)
    found = {str(id_): verifier.verify(id_, artifact).words for id_, artifact in artifacts.items()}
    return {release: words for release, words in found.items() if words}


def test_a_queued_sync_is_done(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration)

    start_worker()

    wait_until(lambda: deployed(context) == sha, "the first commit is deployed")
    assert deployed_files(context) == {"orders.py": ORDERS}


def test_sigterm_ends_an_idle_worker_with_exit_code_0_and_signs_it_off(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration)
    worker = start_worker()
    wait_until(lambda: deployed(context) == sha and is_idle(context), "it has nothing to do")

    assert worker.end(signal.SIGTERM) == 0
    assert worker.tags()[-2:] == ["process:stopped", "audit:head"]
    with context.database.transaction() as connection:
        assert (
            connection.execute(sa.text("SELECT count(*) FROM procrastinate_workers")).scalar() == 0
        )


def test_a_worker_that_is_told_twice_to_stop_still_signs_off(
    context: Context,
    origin: Origin,
    registration: Registration,
    start_worker: StartWorker,
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration)
    worker = start_worker()
    wait_until(lambda: deployed(context) == sha and is_idle(context), "it has nothing to do")

    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "process:stopped" in worker.tags(), "it is ending")
    worker.process.send_signal(signal.SIGTERM)

    assert worker.end(signal.SIGINT) == 0
    assert worker.tags()[-2:] == ["process:stopped", "audit:head"]


def test_sigterm_ends_a_worker_that_hangs_on_git_within_the_grace(
    context: Context,
    origin: Origin,
    registration: Registration,
    start_worker: StartWorker,
    git_server: GitHttpServer,
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration)
    git_server.offline()
    with silent_server(origin):
        worker = start_worker()
        wait_until(lambda: jobs_in(context, "doing") == 1, "the sync hangs")

        assert worker.end(signal.SIGTERM) == 70


def test_another_worker_finishes_what_a_killed_one_began(
    context: Context,
    origin: Origin,
    registration: Registration,
    start_worker: StartWorker,
    git_server: GitHttpServer,
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration, sync_interval="1s")
    git_server.offline()
    with silent_server(origin):
        first = start_worker()
        wait_until(lambda: jobs_in(context, "doing") == 1, "the sync hangs")
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    git_server.online()

    second = start_worker(quick=True)

    wait_until(lambda: deployed(context) == sha, "the second worker deployed it")
    assert "job:ended" in second.tags()
    wait_until(lambda: is_idle(context), "no job is left over")


def test_a_worker_that_was_silent_for_too_long_changes_nothing_when_it_wakes(
    context: Context,
    origin: Origin,
    registration: Registration,
    start_worker: StartWorker,
    git_server: GitHttpServer,
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration, sync_interval="1s")
    git_server.offline()
    with silent_server(origin):
        first = start_worker()
        wait_until(lambda: syncs_of(context, "dags") == ("", 1), "the sync has its lease and hangs")
        first.process.send_signal(signal.SIGSTOP)
    git_server.online()
    start_worker(quick=True)
    wait_until(lambda: deployed(context) is not None, "the second worker deployed it")
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    wait_until(lambda: deployed(context) == sha, "and the next commit")

    def failures() -> int:
        with context.database.transaction() as connection:
            history = list_events(connection, status_of(context).repository.id, 100)
        return [event.tag for event in history].count("sync:failed")

    before = failures()  # what the first one holds in the database may cost the second a try

    first.process.send_signal(signal.SIGCONT)
    wait_until(lambda: {"sync:given_up", "sync:failed"} & {*first.tags()}, "the first one woke up")

    assert deployed_files(context) == {"orders.py": ORDERS + "# 2\n"}
    assert failures() == before


def test_a_hundred_requests_become_one_waiting_sync(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration)

    asked = [request_sync(context, "dags") for _ in range(100)]

    assert asked == [False] * 100  # the one of `repo add` waits already
    start_worker()
    wait_until(lambda: deployed(context) and is_idle(context), "all is done")
    syncs, _ = syncs_of(context, "dags")
    assert syncs in ("FAP", "FAPF")  # the first poll may ask once more


def test_two_workers_never_sync_one_repository_at_the_same_time(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration, sync_interval="1s")
    workers = [start_worker(), start_worker()]
    wait_until(lambda: deployed(context), "the first commit is deployed")

    for number in range(15):
        sha = origin.push(f"commit {number}", {"orders.py": f"{ORDERS}# {number}\n"})
        request_sync(context, "dags")

    wait_until(lambda: deployed(context) == sha and is_idle(context), "the last commit is deployed")
    syncs, leases = syncs_of(context, "dags")
    assert re.fullmatch("(F(AP)?)+", syncs)
    assert leases == syncs.count("F")
    assert [worker.tags().count("sync:given_up") for worker in workers] == [0, 0]


@pytest.mark.timeout(240)
def test_two_workers_lose_none_of_200_requests_for_10_repositories_and_no_reader_sees_a_torn_tree(
    context: Context,
    git_server: GitHttpServer,
    registration: Registration,
    start_worker: StartWorker,
    room: Path,
) -> None:
    names = [f"team-{number}" for number in range(10)]
    origins = {}
    for name in names:
        git_server.create_repository(name, private=True)
        origins[name] = clone_of(git_server, name, room / name)
        origins[name].push("first", {"orders.py": dag(name, 0)})
        # A day: only the requests can bring the later commits.
        register(context, registration, name=name, url=origins[name].url, sync_interval="24h")
    start_worker()
    start_worker()

    last = {}
    with reading(context) as seen:
        for number in range(10):
            for name in names:
                files: dict[str, str | None] = {"orders.py": dag(name, number)}
                last[name] = origins[name].push(f"{number}", files)
                request_sync(context, name)
                request_sync(context, name)
        wait_until(
            lambda: {name: deployed(context, name) for name in names} == last, "last commits"
        )
        wait_until(lambda: is_idle(context), "no job is left over")

    assert seen.torn == []
    assert len(seen.releases) > 20
    assert {name: overlaps_of(context, name) for name in names} == dict.fromkeys(names, 0)
    assert drift_of(context) == {}


def test_a_handler_that_raises_does_not_stop_the_worker(database: Database) -> None:
    done: list[int] = []

    def handler(repository_id: int, **_: Any) -> None:
        if repository_id == 1:
            raise ValueError("a bug")
        done.append(repository_id)

    async def work() -> None:
        worker = JobWorker(database.url, {"sync": handler}, concurrency=1)
        running = asyncio.create_task(worker.run(lambda _: None))
        async with asyncio.timeout(20):
            while not done:
                await asyncio.sleep(0.02)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    with database.transaction() as connection:
        asked = [Jobs().defer_sync(connection, RepositoryId(number)) for number in (1, 2)]
    asyncio.run(work())

    assert (asked, done) == ([True, True], [2])


@pytest.mark.parametrize("turns", [0, 1, 2, 4, 8, 16, 32, 64])
def test_a_worker_that_is_stopped_while_it_starts_ends(database: Database, turns: int) -> None:
    async def work() -> bool:
        worker = JobWorker(database.url, {}, concurrency=1)
        running = asyncio.create_task(worker.run(lambda _: None))
        for _ in range(turns):  # of the event loop: somewhere in its connecting and registering
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running], timeout=60)
        return running.cancelled()

    assert asyncio.run(work())


def test_a_bug_in_a_step_is_told_in_the_repository_and_tried_again(
    context: Context, origin: Origin, registration: Registration
) -> None:
    class Buggy(Policy):
        @property
        def digest(self) -> str:
            raise ZeroDivisionError

    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)

    handlers(replace(context, policy=Buggy()))["sync"](repository.id, should_abort=lambda: False)

    assert sync_state(status_of(context).facts) == (
        SyncState.BEHIND,
        "WIND001 Windlass failed with ZeroDivisionError, which is a bug",
    )


def test_two_workers_apply_each_change_of_the_file_once_and_a_bad_one_keeps_what_runs(
    context: Context, origin: Origin, room: Path, start_worker: StartWorker
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    with context.database.transaction() as connection:
        ciphertext = context.keyring.encrypt(PASSWORD)
        put_credential(connection, "ci", StoredCredential("ci", ciphertext))
    file = room / "windlass.yaml"
    good = f"repositories:\n  - {{name: dags, url: '{origin.url}', credential: ci}}\n"
    file.write_text(good)
    workers = [start_worker(WINDLASS_FILE=str(file)) for _ in range(2)]

    def told(tag: str) -> int:
        return sum(worker.tags().count(tag) for worker in workers)

    wait_until(lambda: told("declaration:applied") and deployed(context) == sha, "it is deployed")
    file.write_text("repositories: [\n")
    wait_until(lambda: told("declaration:refused"), "the bad file is refused")
    file.write_text(good + "    # the same\n")
    wait_until(lambda: told("declaration:applied") == 2, "the good file is applied")
    time.sleep(1.5)  # long enough for the other worker to have a look

    assert (told("declaration:applied"), told("declaration:refused")) == (2, 1)
    assert (told("repository:added"), deployed(context)) == (1, sha)
