"""What happens after a push: the steps of a sync, in order.

notice (`notice.py`, a loop) → fetch → build → judge → publish → observe (`observe.py`, a loop)

A job never raises for what a repository, a remote or Airflow does: the failure is recorded in the
repository's row, and the poll loop asks again when its time has come.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.jobs import Handler, ShouldAbort
from windlass.database.releases import (
    find_allowed_verdict,
    find_current,
    find_quarantine,
)
from windlass.database.repositories import (
    clear_failure,
    hold_lease,
    poll_soon,
    record_failure,
    settle,
    settled_on,
    take_lease,
)
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.errors import AppError, Conflict, LeaseLost, Unavailable
from windlass.domain.events import Event
from windlass.domain.policy import Denied
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import Lease, RepositoryId
from windlass.engine.build import Build, build
from windlass.engine.context import Context, log, tell
from windlass.engine.fetch import fetch
from windlass.engine.judge import judge
from windlass.engine.publish import publish
from windlass.engine.rollback import roll_back
from windlass.git.mirror import mirror_of

LEASE_WAIT_S = 60.0


class _Stopping(Exception):
    """The worker is stopping; whoever comes next starts the sync anew."""


def sync(context: Context, lease: Lease, *, should_abort: ShouldAbort) -> None:
    """Make the repository's release equal to what its inputs demand. Twice changes nothing."""
    revision = fetch(context, lease)
    with context.database.transaction() as connection:
        if settled_on(connection, lease.repository.id) == (revision.sha, context.inputs):
            clear_failure(connection, lease.repository.id)  # the remote was away, and is back
            return
        current = find_current(connection, lease.repository.id)
        base, recheck = _find_base(context, connection, current)
    _go_on(should_abort)
    built = build(context, lease, revision, base, recheck)
    _go_on(should_abort)
    verdict = judge(context, lease, built)
    if isinstance(verdict, Denied) or _needs_no_release(context, lease, built):
        return
    publish(
        context,
        lease,
        verdict,
        built.artifact,
        revision.sha,
        content=lambda entry: _content(context, lease, built, current, entry),
        cause=Cause("windlass", f"push: {revision.subject}"),
    )
    with context.database.transaction() as connection:
        settle(connection, lease, revision.sha, context.inputs)


def rollback(
    context: Context,
    lease: Lease,
    *,
    to: ReleaseId,
    bad: ReleaseId,
    actor: str,
    reason: str,
    should_abort: ShouldAbort,  # noqa: ARG001  # every handler is given it; this one is too short
) -> None:
    """Bring the content of an older release back."""
    roll_back(context, lease, bad, Cause(actor, reason, content_of=to))


def handlers(context: Context) -> dict[str, Handler]:
    """The jobs of the queue by name, none of which raises."""
    return {"sync": _recorded(context, sync), "rollback": _recorded(context, rollback)}


def _recorded(context: Context, step: Callable[..., None]) -> Handler:
    """`step` under a new lease, with every failure told once: logged, recorded, retried later."""

    def run(repository_id: RepositoryId, **arguments: Any) -> None:
        try:
            lease = _wait_for_lease(context, repository_id, arguments["should_abort"])
        except AppError as error:  # the repository is gone, or the database is away for long
            log.warning(Event.SYNC_GIVEN_UP, repository_id=repository_id, code=error.code)
            return
        try:
            step(context, lease, **arguments)
        except LeaseLost:  # whoever took it does the work
            log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason="lease lost")
        except _Stopping:
            log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason="stopping")
            with context.database.transaction() as connection:
                poll_soon(connection, repository_id)
        except AppError as error:
            _tell_failure(context, lease, error)
        except Exception as error:  # noqa: BLE001  # our bug: it must not stop the worker
            log.exception(Event.SYNC_FAILED, repository=lease.repository.name)
            bug = Unavailable(
                "WIND001",
                f"Windlass failed with {type(error).__name__}, which is a bug",
                "Please report it with the worker's log.",
            )
            _tell_failure(context, lease, bug)

    return run


def _wait_for_lease(
    context: Context, repository_id: RepositoryId, should_abort: ShouldAbort
) -> Lease:
    """A new lease. Whoever holds the row, frozen in a transaction, loses it after IDLE_LIMIT_MS;
    the job waits for that, since nobody would ask for a rollback again."""
    deadline = time.monotonic() + LEASE_WAIT_S
    while True:
        try:
            with context.database.transaction() as connection:
                return take_lease(connection, repository_id)
        except Unavailable:
            if should_abort() or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _tell_failure(context: Context, lease: Lease, error: AppError) -> None:
    repository = lease.repository
    try:
        with context.database.transaction() as connection:
            hold_lease(connection, lease)
            record_failure(connection, repository.id, error)
            tell(connection, Event.SYNC_FAILED, repository, code=error.code)
    except AppError as second:  # the database is away: the poll loop finds the repository due
        log.error(Event.SYNC_FAILED, repository=repository.name, code=error.code, then=second.code)


def _go_on(should_abort: ShouldAbort) -> None:
    if should_abort():
        raise _Stopping


def _find_base(
    context: Context, connection: Connection, current: Release | None
) -> tuple[Artifact, frozenset[str]]:
    """The current artifact and its files with findings, if the same checks allowed it."""
    if current is None:
        return EMPTY, frozenset()
    verdict = find_allowed_verdict(
        connection, current.repository_id, current.revision, context.inputs
    )
    if verdict is None:
        return EMPTY, frozenset()
    return context.artifact_of(connection, current), frozenset(f.path for f in verdict.findings)


def _needs_no_release(context: Context, lease: Lease, built: Build) -> bool:
    """Whether the allowed artifact is deployed already, or its content is quarantined."""
    digest, sha = built.artifact.digest, built.revision.sha
    with context.database.transaction() as connection:
        current = find_current(connection, lease.repository.id)
        if current is not None and current.artifact_digest == digest:
            settle(connection, lease, sha, context.inputs)
            return True
        bad = find_quarantine(connection, lease.repository.id, digest)
        if bad is None:
            return False
        reason = f"its content is that of release #{bad[0]}, which is quarantined: {bad[1]}"
        settle(connection, lease, sha, context.inputs, held_reason=reason)
        tell(connection, Event.REVISION_HELD, lease.repository, revision=sha, reason=reason)
    return True


def _content(
    context: Context, lease: Lease, built: Build, current: Release | None, entry: FileEntry
) -> bytes:
    """The content of a file of the artifact: read by the build, or else as the current release has
    it (its digest is compared), or else from the mirror."""
    known = built.fresh.get(entry.digest)
    if known is not None:
        return known
    if current is not None:
        with contextlib.suppress(Conflict):  # it lost the file, or somebody changed it
            return context.store.read_file(current.id, entry)
    mirror = mirror_of(context.mirrors, lease.repository.id)
    return next(content for _, content in mirror.read_blobs([entry.blob]))
