"""The worker process: jobs from the queue, and beside them the loops that find work to do."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from windlass.database.credentials import forget_previous
from windlass.database.jobs import SILENT_S, EndedJob, JobWorker
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.engine.audit import log_head
from windlass.engine.backup import Nightly
from windlass.engine.cleanup import ROUND_S, clean_up
from windlass.engine.context import Context, log
from windlass.engine.deliveries import look_after
from windlass.engine.drift import Inspector
from windlass.engine.holds import tell_expired
from windlass.engine.mirrors import keep_mirrors
from windlass.engine.moves import LOOK_S, look_at_runs
from windlass.engine.nightly import back_up_at_night
from windlass.engine.notice import MANY, Poller
from windlass.engine.observe import Observer
from windlass.engine.policies import tell_expiring
from windlass.engine.pull_requests import FOLDER, Checking
from windlass.engine.removal import go_on_removing
from windlass.engine.reporter import Reporter, Wording
from windlass.engine.retention import forget_in_turns
from windlass.engine.review import deploy_what_is_approved, expire, tell_overdue
from windlass.engine.sizes import measure_sizes
from windlass.engine.stock import refresh_stale
from windlass.engine.strangers import look_for_strangers
from windlass.engine.survey import survey
from windlass.engine.tick import repair_pointers
from windlass.engine.watch import FileWatch
from windlass.engine.worker import handlers

POLL_LOOP_S = 0.5
OBSERVE_LOOP_S = 0.05  # while a deployment is open
IDLE_OBSERVE_S = 0.5
TICK_S = 10.0
REMOVAL_S = 2.0
MEASURES_S = 5.0
SURVEY_LOOP_S = 5.0  # whether an environment is due; see survey.INTERVAL_S
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
AUDIT_HEAD_S = 3600.0
EXPIRY_S = 600.0
GRACE_S = 15.0
"""A worker that was told to stop exits hard after this long: a step is then cut anywhere, which
every step must survive."""


def run_worker(
    context: Context,
    *,
    concurrency: int,
    keep_releases: int,
    history: timedelta,
    watch: FileWatch | None = None,
    nightly: Nightly | None = None,
    wording: Wording | None = None,
    silent_s: float = SILENT_S,
) -> None:
    """Work until SIGTERM or SIGINT. Call it from the main thread.

    Jobs of a worker that was not heard for `silent_s` are taken from it. `keep_releases` of each
    repository stay in the store, whatever their age; rows older than `history` go where nothing
    refers to them. `watch` looks for the declarative file;
    `nightly` None makes no backups, and `wording` None tells Git hosts nothing.
    """
    stop = threading.Event()
    observer, poller = Observer(context), Poller(context)
    loops = [
        _start("poll", stop, lambda: POLL_LOOP_S * (poller.poll_due() < MANY)),
        _start("observe", stop, lambda: _observe(context, observer)),
        _start("tick", stop, lambda: _tick(context)),
        _start("runs", stop, lambda: _look_at_runs(context)),
        _start("survey", stop, lambda: _survey(context)),
        _start("removal", stop, lambda: _remove(context)),
        _start("drift", stop, Inspector(context).look),
        _start("strangers", stop, lambda: look_for_strangers(context)),
        _start("clean-up", stop, lambda: _clean_up(context, keep_releases)),
        _start("history", stop, lambda: forget_in_turns(context, history)),
        _start("mirrors", stop, lambda: _keep_mirrors(context, stop)),
        _start("audit", stop, lambda: _log_head(context)),
        _start("measures", stop, lambda: _store_measures(context)),
        _start("expiry", stop, lambda: _tell_expiring(context)),
        _start("sizes", stop, lambda: measure_sizes(context)),
    ]
    if watch is not None:
        loops.append(_start("declaration", stop, watch.look))
    if nightly is not None:
        # Not waited for: a dump may take longer than the grace, and half of one is removed later.
        _start("backup", stop, lambda: back_up_at_night(context, nightly))
    if wording is not None:
        # Not waited for either: a host may take its time, and what is not told is told later.
        _start("reports", stop, Reporter(context, wording).look)
        _start("pull requests", stop, Checking(context).look)
    try:
        worker = JobWorker(
            context.database.direct_url,
            handlers(context),
            concurrency=concurrency,
            silent_s=silent_s,
        )
        asyncio.run(_run_jobs(worker, lambda job: _replace(context, job)))
    finally:
        stop.set()
        for loop in loops:
            loop.join()
        poller.close()
        with contextlib.suppress(AppError):  # the database went first
            log_head(context)
            context.measures.flush(context.database)


def _tick(context: Context) -> float:
    repair_pointers(context)
    tell_expired(context)
    tell_overdue(context)
    expire(context)
    deploy_what_is_approved(context)
    look_after(context)
    return TICK_S


def _tell_expiring(context: Context) -> float:
    tell_expiring(context)
    with context.database.transaction() as connection:
        forget_previous(connection)
    return EXPIRY_S


def _look_at_runs(context: Context) -> float:
    look_at_runs(context)
    return LOOK_S


def _survey(context: Context) -> float:
    survey(context)
    refresh_stale(context)
    return SURVEY_LOOP_S


def _remove(context: Context) -> float:
    go_on_removing(context)
    return REMOVAL_S


def _clean_up(context: Context, keep: int) -> float:
    clean_up(context, keep=keep)
    return ROUND_S


def _store_measures(context: Context) -> float:
    context.measures.flush(context.database)
    return MEASURES_S


def _log_head(context: Context) -> float:
    log_head(context)
    return AUDIT_HEAD_S


def _keep_mirrors(context: Context, stop: threading.Event) -> float:
    keep_mirrors(replace(context, mirrors=context.mirrors / FOLDER), stop.is_set)
    return keep_mirrors(context, stop.is_set)


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
        context.jobs.defer(connection, job.name, **job.arguments)


async def _run_jobs(worker: JobWorker, on_ended: Callable[[EndedJob], None]) -> None:
    """Run jobs until a signal asks to stop; let the running ones end, within the grace."""
    running = asyncio.ensure_future(worker.run(on_ended))

    def stop() -> None:
        for number in _SIGNALS:  # more of them change nothing; the watchdog ends us for certain
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        watchdog = threading.Timer(GRACE_S, os._exit, [70])
        watchdog.daemon = True
        watchdog.start()
        running.cancel()

    for number in _SIGNALS:
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
