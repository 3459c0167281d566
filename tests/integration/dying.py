"""Runs one job in a process of its own that kills itself at a chosen moment.

Moments are the effects that others can see: each transaction (before it, at its end, after its
commit), each rename and link, each git command. They are counted, not named, so that a step that
is added is covered without a change here.
"""

import contextlib
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from windlass.artifacts.store import Store
from windlass.credentials.keyring import Keyring
from windlass.credentials.signing import SigningKey
from windlass.database import connection, jobs
from windlass.database.connection import Database
from windlass.database.jobs import Handler, Jobs, ShouldAbort
from windlass.domain.repository import RepositoryId
from windlass.engine import loops
from windlass.engine.context import Context
from windlass.engine.prove import Arrival
from windlass.engine.receive import Receiver
from windlass.engine.worker import handlers
from windlass.git import mirror, remotes
from windlass.sandbox.checker import Checker

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["windlass.engine.loops", "tests.integration.dying"])

UNTOUCHED = 99
"""The exit code of a worker whose job had fewer moments."""


class Lingers(StrEnum):
    """What the job does at the moment when its worker is told to stop."""

    NOT = "goes on at once"
    UNTIL_TOLD = "goes on when it is told to give up"
    FOR_EVER = "hangs until the grace is over"


@dataclass
class Fate:
    """Counts the moments of one thread, and sends the process a signal at the `deadly` one."""

    deadly: int | None
    by: signal.Signals = signal.SIGKILL
    lingers: Lingers = Lingers.NOT
    thread: str = "MainThread"
    passed: int = 0
    should_abort: ShouldAbort = lambda: False

    @property
    def has_struck(self) -> bool:
        return self.passed > (self.deadly or 0)

    def moment(self) -> None:
        if threading.current_thread().name != self.thread:
            return  # a loop beside the job
        self.passed += 1
        if self.passed - 1 == self.deadly:
            os.kill(os.getpid(), self.by)
            while self.lingers is Lingers.FOR_EVER or (
                self.lingers is Lingers.UNTIL_TOLD and not self.should_abort()
            ):
                time.sleep(0.01)

    def over(self, handler: Handler) -> Handler:
        """The handler, under this fate; the worker is told to stop where the job outlived it."""

        def run(repository_id: RepositoryId, **arguments: Any) -> None:
            self.should_abort = arguments["should_abort"]
            handler(repository_id, **arguments)
            if not self.has_struck:
                loops.GRACE_S = 60.0
                os.kill(os.getpid(), self.by)

        return run

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.moment()
            result = call(*arguments, **options)
            self.moment()
            return result

        return wrapped


@dataclass(frozen=True)
class _Doom:
    """What befalls the process: a signal at one of its moments."""

    moment: int
    by: signal.Signals = signal.SIGKILL


def dies_in_job(
    context: Context, deadly: int, job: str, repository: RepositoryId, **arguments: Any
) -> bool:
    """Run the job up to that moment; False where it has fewer and ended well."""
    return _run(context, _Doom(deadly), job, repository, arguments) != 0


@contextmanager
def stopped_in_job(
    context: Context, moment: int, job: str, repository: RepositoryId
) -> Iterator[bool]:
    """Run the job up to that moment and stop it there; it is woken at the end of the block, and
    awaited. False where it has fewer moments, and ended."""
    process = _start(context, _Doom(moment, signal.SIGSTOP), job, repository, {})
    yield _has_stopped(process.pid or 0)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid or 0, signal.SIGCONT)
    process.join(60)
    assert process.exitcode == 0


def _has_stopped(pid: int) -> bool:
    """Wait until the process is stopped, or has ended."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state in "TZX":
            return state == "T"
        time.sleep(0.002)


def told_to_stop_in_job(context: Context, moment: int, lingers: Lingers) -> int | None:
    """Run a whole worker and tell it to stop (SIGTERM) at that moment of its job; its exit code,
    UNTOUCHED where the job had fewer moments."""
    given = (context.database.url, context.store.root.parent, moment, lingers)
    process = FORKSERVER.Process(target=_work, args=given)
    process.start()
    process.join(90)
    return process.exitcode


def _run(
    context: Context, doom: _Doom, job: str, repository: RepositoryId, arguments: dict[str, Any]
) -> int | None:
    process = _start(context, doom, job, repository, arguments)
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode


def _start(
    context: Context, doom: _Doom, job: str, repository: RepositoryId, arguments: dict[str, Any]
) -> BaseProcess:
    given = (context.database.url, context.store.root.parent, doom, job, repository, arguments)
    process = FORKSERVER.Process(target=_live, args=given)
    process.start()
    return process


def _work(url: str, room: Path, moment: int, lingers: Lingers) -> None:
    """`windlass worker`, whose limits are as short as its job's fate needs, and no longer."""
    jobs.PATIENCE_S = 0.0 if lingers is Lingers.UNTIL_TOLD else 60.0
    loops.GRACE_S = 0.0 if lingers is Lingers.FOR_EVER else 60.0
    loops.IDLE_OBSERVE_S = 0.05  # it is waited for at the end
    fate = Fate(moment, signal.SIGTERM, lingers, thread="job_0")
    loops.handlers = lambda context: {  # type: ignore[attr-defined]
        name: fate.over(handler) for name, handler in handlers(context).items()
    }
    _watch(fate)
    with context_in(url, room) as context:
        loops.run_worker(context, concurrency=1, keep_releases=20, history=timedelta(days=365))
    sys.exit(0 if fate.has_struck else UNTOUCHED)


def _live(  # noqa: PLR0917  # what a process is started with
    url: str,
    room: Path,
    doom: _Doom,
    job: str,
    repository: RepositoryId,
    arguments: dict[str, Any],
) -> None:
    fate = Fate(doom.moment, doom.by)
    if doom.by is signal.SIGSTOP:
        connection.IDLE_LIMIT_MS = 500  # so that tests need not wait for long
    with context_in(url, room) as context:
        run = handlers(context)[job]
        _watch(fate)
        run(repository, **arguments, should_abort=lambda: False)


def dies_in_call(context: Context, deadly: int, arrival: Arrival) -> bool:
    """Take a call of a Git host in a process that dies at that moment; False where it has fewer,
    and answered."""
    given = (context.database.url, context.store.root.parent, deadly, arrival)
    process = FORKSERVER.Process(target=_take, args=given)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return bool(process.exitcode)


def _take(url: str, room: Path, deadly: int, arrival: Arrival) -> None:
    with context_in(url, room) as context:
        _watch(Fate(deadly, thread="receive"))
        Receiver(context).take(arrival).result()


@contextmanager
def context_in(url: str, room: Path) -> Iterator[Context]:
    """That of a test, made anew in another process."""
    database = Database(url)
    context = Context(
        database=database,
        jobs=Jobs(),
        store=Store(room / "store"),
        mirrors=room / "mirrors",
        checker=Checker(Path(sys.executable)),
        keyring=Keyring(room / "secret-keys"),
        audit_key=SigningKey(room / "audit-key"),
        release_key=SigningKey(room / "release-key"),
        allowed_hosts=("127.0.0.1",),
    )
    yield context
    context.checker.close()
    database.close()


def _watch(fate: Fate) -> None:
    transaction = Database.transaction

    @contextmanager
    def watched(self: Database) -> Iterator[Any]:
        fate.moment()
        with transaction(self) as connection:
            yield connection
            fate.moment()
        fate.moment()

    Database.transaction = watched  # type: ignore[method-assign]
    pathlib.Path.rename = fate.around(pathlib.Path.rename)  # type: ignore[method-assign]
    os.link = fate.around(os.link)
    for module in (mirror, remotes):
        module.run_git = fate.around(module.run_git)  # type: ignore[attr-defined]
