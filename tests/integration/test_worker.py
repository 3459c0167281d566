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
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, clone_of, deployed_files, register, status_of
from windlass.database.connection import Database
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
from windlass.app import build_context, open_database, prepare
from windlass.engine.loops import run_worker
from windlass.entrypoints.logs import configure_logs
from windlass.settings import load_settings

settings = load_settings()
configure_logs("json", "worker")
context = build_context(settings, open_database(settings))
prepare(settings, context)
run_worker(context, concurrency=4, silent_s={SILENT_S})
"""


class Worker:
    """A child process with a log of JSON lines."""

    def __init__(self, context: Context, room: Path, number: int, arguments: list[str]) -> None:
        self.log = room / f"worker-{number}.log"
        env = {
            "PATH": os.environ["PATH"],
            "WINDLASS_HOME": str(room),
            "WINDLASS_DATABASE_URL": context.database.url,
            "WINDLASS_ALLOWED_HOSTS": "127.0.0.1",
            "WINDLASS_LOG_FORMAT": "json",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *arguments], env=env, cwd="/", stderr=log, stdout=log
            )

    def tags(self) -> list[str]:
        whole, _, _ = self.log.read_text().rpartition("\n")  # the last line may be half written
        return [json.loads(line)["event"] for line in whole.splitlines()]

    def end(self, number: signal.Signals, limit_s: float = 20) -> int:
        self.process.send_signal(number)
        return self.process.wait(limit_s)


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(context: Context, room: Path) -> Iterator[StartWorker]:
    """Start `windlass worker`; with `quick` one that takes over from silent ones after 4 s."""
    workers: list[Worker] = []

    def start(*, quick: bool = False) -> Worker:
        arguments = ["-c", QUICK_TO_TAKE_OVER] if quick else ["-m", "windlass", "worker"]
        workers.append(Worker(context, room, len(workers), arguments))
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


def until(is_so: Callable[[], object], what: str, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


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


def test_a_queued_sync_is_done(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration)

    start_worker()

    until(lambda: deployed(context) == sha, "the first commit is deployed")
    assert deployed_files(context) == {"orders.py": ORDERS}


def test_sigterm_ends_an_idle_worker_with_exit_code_0_and_signs_it_off(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS})
    register(context, registration)
    worker = start_worker()
    until(lambda: deployed(context) == sha and is_idle(context), "it has nothing to do")

    assert worker.end(signal.SIGTERM, limit_s=10) == 0
    assert worker.tags()[-1] == "process:stopped"
    with context.database.transaction() as connection:
        assert (
            connection.execute(sa.text("SELECT count(*) FROM procrastinate_workers")).scalar() == 0
        )


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
        until(lambda: jobs_in(context, "doing") == 1, "the sync hangs")

        assert worker.end(signal.SIGTERM, limit_s=19) == 70  # up's own grace is 20 s


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
        until(lambda: jobs_in(context, "doing") == 1, "the sync hangs")
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    git_server.online()

    second = start_worker(quick=True)

    until(lambda: deployed(context) == sha, "the second worker deployed it")
    assert "job:ended" in second.tags()
    until(lambda: is_idle(context), "no job is left over")


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
        until(lambda: syncs_of(context, "dags") == ("", 1), "the sync has its lease and hangs")
        first.process.send_signal(signal.SIGSTOP)
    git_server.online()
    start_worker(quick=True)
    until(lambda: deployed(context) is not None, "the second worker deployed it")
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    until(lambda: deployed(context) == sha, "and the next commit")

    first.process.send_signal(signal.SIGCONT)
    until(lambda: {"sync:given_up", "sync:failed"} & {*first.tags()}, "the first one woke up")

    assert deployed_files(context) == {"orders.py": ORDERS + "# 2\n"}
    with context.database.transaction() as connection:
        history = list_events(connection, status_of(context).repository.id, 100)
    assert "sync:failed" not in [event.tag for event in history]


def test_a_hundred_requests_become_one_waiting_sync(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration)

    asked = [request_sync(context, "dags") for _ in range(100)]

    assert asked == [False] * 100  # the one of `repo add` waits already
    start_worker()
    until(lambda: deployed(context) and is_idle(context), "all is done")
    syncs, _ = syncs_of(context, "dags")
    assert syncs in ("FAP", "FAPF")  # the first poll may ask once more


def test_two_workers_never_sync_one_repository_at_the_same_time(
    context: Context, origin: Origin, registration: Registration, start_worker: StartWorker
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    register(context, registration, sync_interval="1s")
    workers = [start_worker(), start_worker()]
    until(lambda: deployed(context), "the first commit is deployed")

    for number in range(15):
        sha = origin.push(f"commit {number}", {"orders.py": f"{ORDERS}# {number}\n"})
        request_sync(context, "dags")

    until(lambda: deployed(context) == sha and is_idle(context), "the last commit is deployed")
    syncs, leases = syncs_of(context, "dags")
    assert re.fullmatch("(F(AP)?)+", syncs)
    assert leases == syncs.count("F")
    assert [worker.tags().count("sync:given_up") for worker in workers] == [0, 0]


def test_two_workers_lose_none_of_60_requests_for_6_repositories(
    context: Context,
    git_server: GitHttpServer,
    registration: Registration,
    start_worker: StartWorker,
    room: Path,
) -> None:
    names = [f"team-{number}" for number in range(6)]
    origins = {}
    for name in names:
        git_server.create_repository(name, private=True)
        origins[name] = clone_of(git_server, name, room / name)
        origins[name].push("first", {"orders.py": ORDERS})
        # A day: only the requests can bring the later commits.
        register(context, registration, url=origins[name].url, sync_interval="24h")
    start_worker()
    start_worker()

    last = {}
    for number in range(10):
        for name in names:
            last[name] = origins[name].push(f"{number}", {"orders.py": f"{ORDERS}# {number}\n"})
            request_sync(context, name)

    until(lambda: {name: deployed(context, name) for name in names} == last, "all last commits")
    until(lambda: is_idle(context), "no job is left over")


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
def test_a_worker_that_is_stopped_while_it_starts_ends_at_once(
    database: Database, turns: int
) -> None:
    async def work() -> bool:
        worker = JobWorker(database.url, {}, concurrency=1)
        running = asyncio.create_task(worker.run(lambda _: None))
        for _ in range(turns):  # of the event loop: somewhere in its connecting and registering
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running], timeout=10)
        return running.cancelled()

    began = time.monotonic()

    assert asyncio.run(work())
    assert time.monotonic() - began < 5


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
