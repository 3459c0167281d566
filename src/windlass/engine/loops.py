"""The worker process: jobs from the queue, and beside them the loops that find work to do."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

from windlass.database.jobs import SILENT_S, EndedJob, JobWorker
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.engine.context import Context, log
from windlass.engine.notice import Poller
from windlass.engine.observe import Observer
from windlass.engine.tick import repair_pointers
from windlass.engine.worker import handlers

POLL_LOOP_S = 0.5
OBSERVE_LOOP_S = 0.1  # while a deployment is open
IDLE_OBSERVE_S = 0.5
TICK_S = 10.0
GRACE_S = 15.0
"""A worker that was told to stop exits hard after this long: a step is then cut anywhere, which
every step must survive."""


def run_worker(context: Context, *, concurrency: int, silent_s: float = SILENT_S) -> None:
    """Work until SIGTERM or SIGINT. Call it from the main thread.

    Jobs of a worker that was not heard for `silent_s` are taken from it.
    """
    stop = threading.Event()
    observer, poller = Observer(context), Poller(context)
    loops = [
        _start("poll", stop, lambda: POLL_LOOP_S * (poller.poll_due() == 0)),
        _start("observe", stop, lambda: _observe(context, observer)),
        _start("tick", stop, lambda: _tick(context)),
    ]
    try:
        worker = JobWorker(
            context.database.url, handlers(context), concurrency=concurrency, silent_s=silent_s
        )
        asyncio.run(_run_jobs(worker, lambda job: _replace(context, job)))
    finally:
        stop.set()
        for loop in loops:
            loop.join()
        poller.close()


def _tick(context: Context) -> float:
    repair_pointers(context)
    return TICK_S


def _observe(context: Context, observer: Observer) -> float:
    """Look at open deployments; where there is none, wait for one of ours or a short while."""
    if observer.look() or observer.is_watching:
        return OBSERVE_LOOP_S
    context.published.wait(IDLE_OBSERVE_S)
    context.published.clear()
    return 0


def _replace(context: Context, job: EndedJob) -> None:
    """A worker died over this job: ask for it again. Doing either twice changes nothing."""
    log.warning(Event.JOB_ENDED, job=job.name, **job.arguments)
    with context.database.transaction() as connection:
        if job.name == "rollback":
            context.jobs.defer_rollback(connection, **job.arguments)
        else:
            context.jobs.defer_sync(connection, **job.arguments)


async def _run_jobs(worker: JobWorker, on_ended: Callable[[EndedJob], None]) -> None:
    """Run jobs until a signal asks to stop; let the running ones end, within the grace."""
    running = asyncio.ensure_future(worker.run(on_ended))

    def stop() -> None:
        watchdog = threading.Timer(GRACE_S, os._exit, [70])
        watchdog.daemon = True
        watchdog.start()
        running.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        log.info(Event.PROCESS_STOPPED, process="worker")


def _start(name: str, stop: threading.Event, step: Callable[[], float]) -> threading.Thread:
    """A thread that calls `step` until `stop` is set, pausing for as many seconds as it returns."""

    def run() -> None:
        while not stop.is_set():
            try:
                pause_s = step()
            except AppError as error:  # the database is away
                log.warning(Event.LOOP_FAILED, loop=name, code=error.code)
                pause_s = 1.0
            except Exception:  # noqa: BLE001  # our bug: the other repositories must go on
                log.exception(Event.LOOP_FAILED, loop=name)
                pause_s = 5.0
            stop.wait(pause_s)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
