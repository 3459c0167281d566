"""Whether Windlass can do its work now: database, store, worker."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from windlass.artifacts.store import explained
from windlass.database.measures import queue_load
from windlass.domain.errors import AppError, Unavailable
from windlass.engine.context import Context

SILENT_S = 60.0
"""Workers are heard every 2 s; one that is silent for 20 s is taken for dead."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part and what is wrong with it; None where nothing is."""

    name: str
    failure: AppError | None


def look_at_parts(context: Context, *, age_s: float) -> list[Part]:
    """Every part, looked at now. `age_s` is for how long this process runs: a worker that was
    started with it has as long to be heard as one that fell silent."""
    return [
        Part("database", _failure_of(lambda: _ask_database(context))),
        Part("store", _failure_of(lambda: _write_to_store(context))),
        Part("worker", _failure_of(lambda: _listen_to_worker(context, age_s))),
    ]


def _failure_of(look: Callable[[], None]) -> AppError | None:
    try:
        look()
    except AppError as error:
        return error
    return None


def _ask_database(context: Context) -> None:
    with context.database.transaction() as connection:
        queue_load(connection)


def _write_to_store(context: Context) -> None:
    with explained(context.store.root), tempfile.TemporaryFile(dir=context.store.root) as file:
        file.write(b"x")
        file.flush()


def _listen_to_worker(context: Context, age_s: float) -> None:
    with context.database.transaction() as connection:
        heard_s = queue_load(connection).heartbeat_s
    silent_s = age_s if heard_s is None else heard_s
    if silent_s > SILENT_S:
        raise Unavailable(
            "SYNC003",
            f"no worker was heard of for {silent_s:.0f} s",
            "Start one, or look at its log. What is live stays live.",
        )
