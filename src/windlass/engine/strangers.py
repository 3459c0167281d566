"""Files and folders in the store that nobody here put there: told once, and never removed."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy.engine import Connection

from windlass.artifacts.strangers import environment_of, list_strangers
from windlass.database.history import record_event
from windlass.database.strangers import list_bundle_names, record_strangers
from windlass.domain.errors import Unavailable
from windlass.domain.events import Event
from windlass.engine.context import Context, log

LOOK_S = 60.0
_TOLD = 20
REMEDY = (
    "Move them away, or into a repository: Airflow reads DAG files that lie beside Windlass's "
    "links, and Windlass removes nothing that it did not make."
)


def look_for_strangers(context: Context) -> float:
    """Tell what came and what went since the last look of any worker; seconds to the next look."""
    try:
        found = _find(context)
    except Unavailable:  # the store is away, and says nothing of what lies in it
        return LOOK_S
    with context.database.transaction() as connection:
        news, gone = record_strangers(connection, found)
        _tell(connection, Event.DRIFT_FOUND, news)
        _tell(connection, Event.DRIFT_MENDED, gone)
    return LOOK_S


def _find(context: Context) -> list[str]:
    """What is there and known to nobody, before the look and after it: a link that a deployment
    just made is known by then."""
    with context.database.transaction() as connection:
        before = list_bundle_names(connection)
    if not list_strangers(context.store, before):
        return []
    with context.database.transaction() as connection:
        return list_strangers(context.store, list_bundle_names(connection))


def _tell(connection: Connection, event: Event, paths: Sequence[str]) -> None:
    for environment, group in groupby(paths, environment_of):
        files = [f"foreign {path}" for path in group]
        facts: dict[str, Any] = {
            "environment": environment,
            "files": files[:_TOLD],
            "count": len(files),
        }
        record_event(connection, event, **facts)
        log.warning(event, **facts)
