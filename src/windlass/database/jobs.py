"""Procrastinate, the job engine (docs/decisions/0003): one sync at a time per repository."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import procrastinate
import sqlalchemy as sa
from procrastinate.jobs import Status
from procrastinate.worker import Worker
from sqlalchemy.engine import Connection

from windlass.domain.errors import Unavailable
from windlass.domain.release import ReleaseId
from windlass.domain.repository import RepositoryId

HEARTBEAT_S = 2.0
SILENT_S = 20.0
"""A worker that was not heard for this long is taken for dead and its jobs are ended. A worker
that wakes up after that finds its lease gone."""

FETCH_S = 0.25
"""How long a job may wait unseen. Procrastinate 3.10 is told of new jobs, but not that a lock came
free, and forgets what it is told while it fetches (worker.py: `_new_job_event.clear()`): with its
default of 5 s a sync that waited for its twin began 3.8 s late."""

PATIENCE_S = 10.0
"""How long a worker that was told to stop waits before it tells its jobs to give up."""

Handler = Callable[..., None]
ShouldAbort = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that was ended because its worker had gone silent, and what it was asked to do."""

    name: str
    arguments: Mapping[str, Any]


class Jobs:
    """Puts jobs into the queue, in the caller's transaction."""

    def __init__(self) -> None:
        connector = procrastinate.SyncPsycopgConnector()  # never opened: callers bring connections
        self._app = procrastinate.App(connector=connector)

    def defer_sync(
        self, connection: Connection, repository_id: RepositoryId, *, after_s: float = 0
    ) -> bool:
        """Ask for a sync, that begins after so many seconds; False if one is waiting already, which
        will do."""
        name = f"repository:{repository_id}"
        return self._defer(
            connection, "sync", name, name, after_s=after_s, repository_id=repository_id
        )

    def waiting_syncs(
        self, connection: Connection, ids: Collection[RepositoryId]
    ) -> set[RepositoryId]:
        """Those of the repositories for which a sync waits. It may begin just now: a caller that
        writes something for it must not rely on it alone."""
        names = {f"repository:{one}": one for one in ids}
        found = connection.execute(sa.text(_WAITING), {"names": list(names)}).scalars()
        return {names[name] for name in found}

    def defer_rollback(
        self,
        connection: Connection,
        repository_id: RepositoryId,
        *,
        to: ReleaseId,
        bad: ReleaseId,
        actor: str,
        reason: str,
    ) -> bool:
        """Ask for a rollback, after the sync that runs now; False if one is waiting already."""
        return self._defer(
            connection,
            "rollback",
            f"repository:{repository_id}",
            f"rollback:{repository_id}",
            repository_id=repository_id,
            to=to,
            bad=bad,
            actor=actor,
            reason=reason,
        )

    def defer_deploy(
        self, connection: Connection, repository_id: RepositoryId, *, release: ReleaseId
    ) -> bool:
        """Ask for the deployment of an approved release; False if it was asked already."""
        return self._defer(
            connection,
            "deploy",
            f"repository:{repository_id}",
            f"deploy:{release}",
            repository_id=repository_id,
            release=release,
        )

    def defer(
        self, connection: Connection, job: str, repository_id: RepositoryId, **arguments: Any
    ) -> bool:
        """Ask for a job by its name, as it was asked for before; False if one is waiting."""
        if job == "sync":
            return self.defer_sync(connection, repository_id)
        if job == "deploy":
            return self.defer_deploy(connection, repository_id, **arguments)
        return self.defer_rollback(connection, repository_id, **arguments)

    def _defer(
        self,
        connection: Connection,
        task: str,
        lock: str,
        queueing_lock: str,
        *,
        after_s: float = 0,
        **arguments: Any,
    ) -> bool:
        later = {"seconds": after_s} if after_s else None
        deferrer = self._app.configure_task(
            task,
            allow_unknown=True,
            lock=lock,
            queueing_lock=queueing_lock,
            schedule_in=later,
            connection=connection.connection.driver_connection,
        )
        with contextlib.suppress(procrastinate.exceptions.AlreadyEnqueued):
            with connection.begin_nested():  # the refusal must not end the caller's transaction
                deferrer.defer(**arguments)
            return True
        return False


def repositories_at_work(
    connection: Connection, ids: Collection[RepositoryId]
) -> set[RepositoryId]:
    """Those of the repositories of which a job waits or runs; one that ended is in no queue."""
    names = {f"repository:{one}": one for one in ids}
    found = connection.execute(sa.text(_AT_WORK), {"names": list(names)}).scalars()
    return {names[name] for name in found}


_AT_WORK = """
SELECT DISTINCT lock FROM procrastinate_jobs
WHERE status IN ('todo', 'doing') AND lock = ANY(:names)
"""
_WAITING = """
SELECT queueing_lock FROM procrastinate_jobs
WHERE status = 'todo' AND queueing_lock = ANY(:names)
"""


class JobWorker:
    """Takes jobs from the queue and runs their handlers on exactly `concurrency` threads.

    A handler gets the job's arguments and `should_abort`, and must not raise: a job that fails is
    never retried by the queue.
    """

    def __init__(
        self,
        url: str,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int,
        silent_s: float = SILENT_S,
    ) -> None:
        # One connection listens, one beats the heart, one fetches and finishes jobs.
        connector = procrastinate.PsycopgConnector(
            conninfo=url, min_size=1, max_size=4, kwargs={"prepare_threshold": None}
        )
        self._app = procrastinate.App(connector=connector)
        self._concurrency = concurrency
        self._silent_s = silent_s
        for name, handler in handlers.items():
            self._register(name, handler)

    async def run(self, on_ended: Callable[[EndedJob], None]) -> None:
        """Work until cancelled, then let running jobs end: after PATIENCE_S they are told to.

        `on_ended` is told each job that was ended because its worker had gone silent.
        """
        # Procrastinate runs sync tasks on the default executor, whose CPUs + 4 threads would take
        # more jobs than `concurrency` and keep the rest in `doing`, holding their locks.
        executor = ThreadPoolExecutor(self._concurrency, thread_name_prefix="job")
        asyncio.get_running_loop().set_default_executor(executor)
        async with self._opened():
            reaper = asyncio.create_task(self._end_stalled(on_ended))
            worker = Worker(
                self._app,
                concurrency=self._concurrency,
                delete_jobs="always",
                fetch_job_polling_interval=FETCH_S,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=self._silent_s,
                shutdown_graceful_timeout=PATIENCE_S,
                # Its handlers would take the place of ours, which start the watchdog.
                install_signal_handlers=False,
            )
            # Never cancelled itself: before Python 3.12, a cancellation that meets the end of a
            # query is lost (asyncio.wait_for, gh-86296).
            working = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]  # theirs
            try:
                await asyncio.shield(working)
            finally:
                reaper.cancel()
                while not working.done():
                    # Again and again: it forgets what it is told before it runs.
                    worker.stop()  # type: ignore[no-untyped-call]  # theirs
                    await asyncio.wait([working], timeout=0.1)

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """The queue's connections. Opening them is never cut: tasks of a pool that is half open
        outlive their cancellation (psycopg_pool 3.3), and the loop would wait for them for ever."""
        opening = asyncio.ensure_future(self._app.open_async())
        try:
            await asyncio.shield(opening)
            yield
        finally:
            await opening
            await self._app.close_async()

    def _register(self, name: str, handler: Handler) -> None:
        def run(context: procrastinate.JobContext, /, **arguments: Any) -> None:
            handler(**arguments, should_abort=context.should_abort)

        self._app.task(name=name, pass_context=True)(run)

    async def _end_stalled(self, on_ended: Callable[[EndedJob], None]) -> None:
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(1, thread_name_prefix="ended")  # the jobs' own may be busy
        while True:
            with contextlib.suppress(procrastinate.exceptions.ConnectorException, Unavailable):
                jobs = await self._app.job_manager.get_stalled_jobs(
                    seconds_since_heartbeat=self._silent_s
                )
                for job in jobs:
                    # First told, then ended: should we die between, it is told once more.
                    ended = EndedJob(job.task_name, job.task_kwargs)
                    await loop.run_in_executor(executor, on_ended, ended)
                    # Not retry_job: with a twin waiting on the queueing lock it would stick.
                    await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            await asyncio.sleep(self._silent_s / 4)
