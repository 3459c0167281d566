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

from windlass.database.artifacts import put_artifact
from windlass.database.jobs import Handler, ShouldAbort
from windlass.database.polls import clear_failure, poll_soon, settle_for_now
from windlass.database.releases import (
    find_current,
    find_quarantine,
    find_served,
)
from windlass.database.repositories import (
    hold_lease,
    settle,
    settled_on,
    take_lease,
)
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.errors import AppError, Conflict, LeaseLost, Unavailable
from windlass.domain.events import Event
from windlass.domain.policy import Denied, Verdict, failed_engine
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import CommitSha, Lease, RepositoryId
from windlass.domain.served import NO_MEMORY, Memory, Served
from windlass.engine.attempt import attempt
from windlass.engine.build import Build
from windlass.engine.context import Context, log, tell
from windlass.engine.deliveries import answering
from windlass.engine.explain import note_unreleased
from windlass.engine.failure import ACTOR
from windlass.engine.fetch import fetch, note_failure
from windlass.engine.gate import Judged
from windlass.engine.holds import is_held
from windlass.engine.judge import as_error, judge
from windlass.engine.last_good import find_last_good
from windlass.engine.moves import waits_for_runs
from windlass.engine.propose import deploy_approved, propose, withdraw
from windlass.engine.publish import publish
from windlass.engine.race import waits_for_first_syncs
from windlass.engine.reporting import report_pending
from windlass.engine.rollback import roll_back
from windlass.engine.testing import build_and_test

LEASE_WAIT_S = 60.0


class _Stopping(Exception):
    """The worker is stopping; whoever comes next starts the sync anew."""


def sync(context: Context, lease: Lease, *, should_abort: ShouldAbort) -> None:
    """Make the repository's release equal to what its inputs demand. Twice changes nothing."""
    with answering(context, lease) as expecting:
        _sync(context.pinned(), expecting, should_abort)


def _sync(context: Context, lease: Lease, should_abort: ShouldAbort) -> None:
    revision = fetch(context, lease)
    inputs = context.inputs_of(lease.repository)
    with context.database.transaction() as connection:
        if settled_on(connection, lease.repository.id) == (revision.sha, inputs):
            clear_failure(connection, lease.repository.id)  # the remote was away, and is back
            return
        served = find_served(connection, lease.repository.id)
        base, memory = _find_base(context, connection, lease, served)
        report_pending(context, connection, lease.repository, revision.sha)
    _go_on(should_abort)
    built = build_and_test(context, lease, revision, base, memory)
    _go_on(should_abort)
    if waits_for_first_syncs(context, lease, built.artifact):
        return
    last_good = find_last_good(context, lease, served)
    judged = judge(context, lease, revision.sha, built, last_good)
    verdict, built = judged.verdict, judged.build
    if isinstance(verdict, Denied):
        withdraw(context, lease, revision.sha, verdict)
        note_unreleased(context, lease, verdict, built.artifact)
        return
    if _needs_no_release(context, lease, (revision.sha, inputs), judged):
        return

    def content(entry: FileEntry) -> bytes:
        return _content(context, lease, built, served, entry)

    if not lease.repository.options.auto_deploy:
        propose(context, lease, revision, verdict, built.artifact, content=content)
        note_unreleased(context, lease, verdict, built.artifact)
        return
    if is_held(context, lease, revision.sha) or waits_for_runs(
        context, lease, built.artifact, revision.sha
    ):
        note_unreleased(context, lease, verdict, built.artifact)
        return
    cause = Cause("windlass", f"push: {revision.subject}")
    publish(context, lease, verdict, built.artifact, revision.sha, content=content, cause=cause)
    with context.database.transaction() as connection:
        _settle(context, connection, lease, (revision.sha, inputs), verdict)


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
    try:
        roll_back(context, lease, bad, Cause(actor, reason, content_of=to))
    except Conflict as error:
        # Nobody asked for it: a newer push came first, and is what Airflow is seen with now.
        if actor != ACTOR or error.code != "REL007":
            raise
        log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason=error.message)


def deploy(
    context: Context,
    lease: Lease,
    *,
    release: ReleaseId,
    should_abort: ShouldAbort,  # noqa: ARG001  # as above
) -> None:
    """Deploy a release that a person has approved."""
    deploy_approved(context, lease, release)


def handlers(context: Context) -> dict[str, Handler]:
    """The jobs of the queue by name, none of which raises."""
    steps: dict[str, Callable[..., None]] = {
        "sync": sync,
        "rollback": rollback,
        "deploy": deploy,
    }
    return {job: _recorded(context, job, step) for job, step in steps.items()}


def _recorded(context: Context, job: str, step: Callable[..., None]) -> Handler:
    """`step` under a new lease, with every failure told once: logged, recorded, retried later."""

    def run(repository_id: RepositoryId, **arguments: Any) -> None:
        try:
            lease = _wait_for_lease(context, repository_id, arguments["should_abort"])
        except AppError as error:  # the repository is gone, or the database is away for long
            log.warning(Event.SYNC_GIVEN_UP, repository_id=repository_id, code=error.code)
            return
        if not _may_run(job, lease):
            log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason="stopped")
            return
        with attempt(context, job, lease) as it:
            try:
                step(context, lease, **arguments)
            except LeaseLost:
                it.was_given_up = True
                log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason="lease lost")
                _ask_again(context, job, repository_id, arguments)
            except _Stopping:
                it.was_given_up = True
                log.info(Event.SYNC_GIVEN_UP, repository=lease.repository.name, reason="stopping")
                with context.database.transaction() as connection:
                    poll_soon(connection, repository_id)
            except AppError as error:
                it.has_failed = True
                _tell_failure(context, lease, error)
            except Exception as error:  # noqa: BLE001  # our bug: it must not stop the worker
                it.has_failed = True
                log.exception(Event.SYNC_FAILED, repository=lease.repository.name)
                bug = Unavailable(
                    "WIND001",
                    f"Windlass failed with {type(error).__name__}, which is a bug",
                    "Please report it with the worker's log.",
                )
                _tell_failure(context, lease, bug)

    return run


def _may_run(job: str, lease: Lease) -> bool:
    """Nothing runs for a repository that is being removed. Of a suspended one only a rollback:
    a person asked for it."""
    repository = lease.repository
    is_stopped = repository.suspended_at is not None and job != "rollback"
    return repository.removing_at is None and not is_stopped


def _ask_again(
    context: Context, job: str, repository_id: RepositoryId, arguments: dict[str, Any]
) -> None:
    """What people asked for is not lost with the lease, and doing it twice changes nothing. For a
    sync, whoever took the lease asks."""
    if job != "sync":
        asked = {name: value for name, value in arguments.items() if name != "should_abort"}
        try:
            with context.database.transaction() as connection:
                context.jobs.defer(connection, job, repository_id, **asked)
        except AppError as error:  # the database is away
            log.error(Event.SYNC_GIVEN_UP, repository_id=repository_id, job=job, code=error.code)


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
            note_failure(connection, repository, error)
            tell(connection, Event.SYNC_FAILED, repository, code=error.code)
    except AppError as second:  # the database is away: the poll loop finds the repository due
        log.error(Event.SYNC_FAILED, repository=repository.name, code=error.code, then=second.code)


def _go_on(should_abort: ShouldAbort) -> None:
    if should_abort():
        raise _Stopping


def _find_base(
    context: Context, connection: Connection, lease: Lease, served: Served | None
) -> tuple[Artifact, Memory]:
    """The served artifact and what was said of it, if the same checks allowed it. The policy may
    be another one: it judges findings, and files without any have none to judge."""
    if served is None or served.judges is None:
        return EMPTY, NO_MEMORY
    if served.judges.checks != context.judges_of(lease.repository).checks:
        return EMPTY, NO_MEMORY
    return context.artifact_of(connection, served.release), served.memory


def _settle(
    context: Context,
    connection: Connection,
    lease: Lease,
    on: tuple[CommitSha, str],
    verdict: Verdict,
) -> None:
    """Record that the sync came to its end `on` a revision by its inputs. A file that was left out
    since what judges failed is judged again later (mode per_file)."""
    policy = context.ruling_of(lease.repository, connection).policy
    failed = failed_engine(verdict.findings, policy)
    if failed is None:
        settle(connection, lease, *on)
    else:
        hold_lease(connection, lease)
        settle_for_now(connection, lease.repository.id, on[0], as_error(failed))


def _needs_no_release(
    context: Context, lease: Lease, on: tuple[CommitSha, str], judged: Judged
) -> bool:
    """Whether the allowed artifact is deployed already, or its content is quarantined."""
    digest = judged.build.artifact.digest
    with context.database.transaction() as connection:
        current = find_current(connection, lease.repository.id)
        if current is not None and current.artifact_digest == digest:
            _keep_outlines(context, connection, current, judged.build.artifact)
            _settle(context, connection, lease, on, judged.verdict)
            return True
        bad = find_quarantine(connection, lease.repository.id, digest)
        if bad is None:
            return False
        reason = f"its content is that of release #{bad[0]}, which is quarantined: {bad[1]}"
        settle(connection, lease, *on, held_reason=reason)
        tell(connection, Event.REVISION_HELD, lease.repository, revision=on[0], reason=reason)
    return True


def _keep_outlines(
    context: Context, connection: Connection, current: Release, artifact: Artifact
) -> None:
    """Store what newer checks, or an import of today, say of the files that are deployed already:
    the next revision takes over from there what it does not read again."""
    before = context.artifact_of(connection, current)
    chunks = zip(artifact.chunks, before.chunks, strict=True)  # of equal paths, so they end alike
    if any(new is not old and new.key != old.key for new, old in chunks):
        put_artifact(connection, context.artifacts.keep(artifact))


def _content(
    context: Context, lease: Lease, built: Build, served: Served | None, entry: FileEntry
) -> bytes:
    """The content of a file of the artifact: read by the build, or else as the current release has
    it (its digest is compared), or else from the mirror."""
    known = built.fresh.get(entry.digest)
    if known is not None:
        return known
    if served is not None:
        with contextlib.suppress(Conflict):  # it lost the file, or somebody changed it
            return context.store.read_file(served.release.id, entry)
    mirror = context.mirror_of(lease.repository)
    return next(content for _, content in mirror.read_blobs([entry.blob]))
