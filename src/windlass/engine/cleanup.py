"""Clean-up: releases that nobody needs any more leave the store. Never on the path of a sync.

What Airflow refers to stays: a release that a DAG row names, or any run, since a run of any age
can be cleared and then needs its code. If Airflow cannot be asked, nothing is removed.
"""

from windlass.artifacts.collect import old_releases, remove_leftovers, remove_release
from windlass.database.deployments import list_bindings
from windlass.database.upkeep import (
    OldRelease,
    list_old_releases,
    mark_cleaned_up,
    put_off_cleanup,
    unknown_releases,
)
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.release import ReleaseId
from windlass.engine.again import told_by
from windlass.engine.context import Context, log, tell

ROUND_S = 600.0
KEPT_S = 3600.0
"""A release stays this long at the least: an Airflow that lags may just be turning to it."""
ASK_AGAIN_S = 24 * 3600.0
"""When Airflow is asked again about a release that it refers to."""
_BATCH = 50


def clean_up(context: Context, *, keep: int, kept_s: float = KEPT_S) -> int:
    """Remove what can go, a batch at the most; how many releases went. Raises Unavailable where
    the database or the store is away."""
    remove_leftovers(context.store)
    _remove_unknown(context)
    with context.database.transaction() as connection:
        environments = context.airflows.keys()
        old = list_old_releases(
            connection, environments, keep=keep, older_than_s=kept_s, limit=_BATCH
        )
    away: set[str] = set()
    return sum(_try_remove(context, release, away) for release in old)


def _remove_unknown(context: Context) -> None:
    """Releases whose worker died before it wrote their rows. After a restore, also those of the
    time that it undid: what a pointer names, or Airflow refers to, stays."""
    written = old_releases(context.store)
    with context.database.transaction() as connection:
        unknown = unknown_releases(connection, written)
        bindings = list_bindings(connection)
    named = {told_by(context, one) for one in bindings}
    for release_id in unknown:
        if release_id not in named and not _is_referred_to(context, release_id):
            remove_release(context.store, release_id)


def _is_referred_to(context: Context, release_id: ReleaseId) -> bool:
    """True too where an Airflow cannot be asked."""
    try:
        return any(airflow.refers_to(release_id) for airflow in context.airflows.values())
    except AppError as error:
        log.warning(Event.CLEANUP_PUT_OFF, release=release_id, code=error.code)
        return True


def _try_remove(context: Context, release: OldRelease, away: set[str]) -> bool:
    """Whether it went. Environments whose Airflow does not answer are put into `away`."""
    environment = release.repository.environment
    if environment in away:
        return False
    try:
        is_needed = context.airflows[environment].refers_to(release.id)
    except AppError as error:
        log.warning(Event.CLEANUP_PUT_OFF, environment=environment, code=error.code)
        away.add(environment)
        return False
    if is_needed:
        with context.database.transaction() as connection:
            put_off_cleanup(connection, release.id, ASK_AGAIN_S)
        return False
    remove_release(context.store, release.id)
    with context.database.transaction() as connection:
        mark_cleaned_up(connection, release.id)
        tell(connection, Event.RELEASE_CLEANED_UP, release.repository, release_id=release.id)
    return True
