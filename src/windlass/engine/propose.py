"""Releases under review (docs/decisions/0012): what a sync asks, and what follows an approval.

A release under review is written and not deployed. Its approval binds what was looked at: the
release, the one that it would replace, and the release policy. A newer head supersedes nothing; a
moved base, a changed policy or a check that fails now does.
"""

from sqlalchemy.engine import Connection

from windlass.artifacts.tree import ContentSource
from windlass.database.approvals import (
    find_approval,
    find_refused,
    list_waiting,
    open_approval,
)
from windlass.database.holds import list_holds
from windlass.database.releases import (
    find_current,
    find_served,
    find_verdict_inputs,
    get_release,
    was_deployed,
)
from windlass.database.repositories import find_revision, hold_lease, settle, unsettle
from windlass.domain.approval import ApprovalState
from windlass.domain.artifact import Artifact
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.policy import Allowed, Denied
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import CommitSha, Lease, Repository, Revision
from windlass.engine.context import Context, tell
from windlass.engine.gate import decide_build
from windlass.engine.last_good import find_last_good
from windlass.engine.moves import waits_for_runs
from windlass.engine.plan_release import plan_waiting
from windlass.engine.publish import deploy, prepare
from windlass.engine.supersede import supersede, supersede_moved, what_changed
from windlass.engine.testing import build_and_test


def propose(
    context: Context,
    lease: Lease,
    revision: Revision,
    verdict: Allowed,
    artifact: Artifact,
    *,
    content: ContentSource,
) -> None:
    """Ask for approval of an allowed artifact, with a plan, unless the same was asked already. The
    sync is settled either way."""
    repository, sha = lease.repository, revision.sha
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        current = find_current(connection, repository.id)
        supersede_moved(connection, context, repository, current)
        answer = _find_answer(connection, context, repository, artifact.digest, current)
        if answer is not None:
            inputs = context.inputs_of(repository, connection)
            settle(connection, lease, sha, inputs, held_reason=answer or None)
            if answer:
                tell(connection, Event.REVISION_HELD, repository, revision=sha, reason=answer)
            asked = _find_asked(connection, repository, artifact.digest)
    if answer is not None:
        if asked is not None:
            plan_waiting(context, repository, asked, current)
        return

    def ask(connection: Connection, release: Release) -> None:
        policy = context.ruling_of(repository, connection).digest
        open_approval(connection, release, current, policy)
        tell(
            connection,
            Event.RELEASE_PROPOSED,
            repository,
            revision=sha,
            release_id=release.id,
            replaces=current.id if current else None,
        )
        settle(connection, lease, sha, context.inputs_of(repository, connection))

    cause = Cause("windlass", f"push: {revision.subject}")
    made = prepare(context, lease, verdict, artifact, sha, content=content, cause=cause, also=ask)
    plan_waiting(context, repository, made, current)


def withdraw(context: Context, lease: Lease, revision: CommitSha, denied: Denied) -> None:
    """Supersede what waits for approval and was made of a revision that is denied now."""
    words = "; ".join(f"{finding.code} {finding.place}" for finding in denied.reasons[:3])
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        for one in list_waiting(connection, lease.repository.id):
            if one.revision == revision:
                reason = f"a check fails now: {words}"
                supersede(connection, lease.repository, one.approval, reason)


def deploy_approved(context: Context, lease: Lease, release_id: ReleaseId) -> None:
    """Deploy a release that was approved; asking twice changes nothing.

    While the repository is held it stays approved, and is deployed when the holds have ended.
    """
    repository = lease.repository
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        approval = find_approval(connection, release_id)
        is_due = approval is not None and approval.state is ApprovalState.APPROVED
        if not is_due or was_deployed(connection, release_id):
            return
        if list_holds(connection, repository.id):
            return
        release = get_release(connection, repository.id, release_id)
        current = find_current(connection, repository.id)
        changed = what_changed(connection, context, repository, release, current)
        judged_by = find_verdict_inputs(connection, release_id)
    if changed is None and judged_by != context.inputs_of(repository):
        changed = _what_fails_now(context, lease, release)
    if changed is None and _waits_for_runs(context, lease, release):
        return
    if changed is None:
        changed = _deploy(context, lease, release, current)
    if changed is not None:
        with context.database.transaction() as connection:
            hold_lease(connection, lease)
            supersede(connection, repository, approval, changed)


def _waits_for_runs(context: Context, lease: Lease, release: Release) -> bool:
    with context.database.transaction() as connection:
        artifact = context.artifact_of(connection, release)
    return waits_for_runs(context, lease, artifact, release.revision)


def _find_answer(
    connection: Connection,
    context: Context,
    repository: Repository,
    digest: str,
    current: Release | None,
) -> str | None:
    """None where this content must be asked about; "" where it was asked; else why it is not
    asked about again."""
    if any(one.artifact_digest == digest for one in list_waiting(connection, repository.id)):
        return ""
    refused = find_refused(connection, repository.id, digest)
    base = current.id if current else None
    if refused is None or not refused.is_about(
        base, context.ruling_of(repository, connection).digest
    ):
        return None
    how = f"rejected by {refused.decided_by}: {refused.reason}"
    if refused.state is ApprovalState.EXPIRED:
        how = (
            f"whose approval has expired: {refused.reason}. "
            f"`windlass repo sync {repository.name}` asks again"
        )
    return f"its content is that of release #{refused.release_id}, {how}"


def _find_asked(connection: Connection, repository: Repository, digest: str) -> Release | None:
    """The release with this content that waits."""
    for one in list_waiting(connection, repository.id):
        if one.artifact_digest == digest:
            return get_release(connection, repository.id, one.approval.release_id)
    return None


def _deploy(
    context: Context, lease: Lease, release: Release, current: Release | None
) -> str | None:
    """Deploy, and return None; or say whose dag_id was in the way."""

    def go_on(connection: Connection, _: Release) -> None:
        unsettle(connection, lease.repository.id)  # a newer head is proposed on the new base

    try:
        deploy(context, lease, release, current, also=go_on)
    except Conflict as error:
        if error.code not in ("DEP002", "DEP006"):
            raise
        return f"a check fails now: {error.message}"
    return None


def _what_fails_now(context: Context, lease: Lease, release: Release) -> str | None:
    """Check the release's revision by the checks of today; None where they allow it as it is. Who
    owns its dag_ids is asked when it is deployed."""
    with context.database.transaction() as connection:
        revision = find_revision(connection, lease.repository.id, release.revision)
        served = find_served(connection, lease.repository.id)
    assert revision is not None  # it was fetched before it was released
    built = build_and_test(context, lease, revision)
    last_good = find_last_good(context, lease, served)
    judged = decide_build(context.rules_of(lease.repository), built, {}, last_good)
    if isinstance(judged.verdict, Denied):
        first = judged.verdict.reasons[0]
        return f"a check fails now: {first.code} {first.place} {first.message}"
    if judged.build.artifact.digest != release.artifact_digest:
        return "the checks of today make another release of its revision"
    return None
