"""What people decide about releases that wait for approval (docs/decisions/0012)."""

from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.approvals import (
    claim_expired,
    claim_overdue,
    decide_approval,
    find_approval,
    list_approved,
)
from windlass.database.claims import lock_claims
from windlass.database.holds import list_holds
from windlass.database.releases import find_current, get_release
from windlass.database.repositories import (
    find_revision,
    get_repository_by_id,
    lock_repository,
    unsettle,
)
from windlass.domain.approval import Approval, ApprovalState, is_author
from windlass.domain.audit import Action
from windlass.domain.errors import Conflict, Forbidden
from windlass.domain.events import Event
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.audit import audited
from windlass.engine.context import Context, tell
from windlass.engine.plan_binding import refuse_other_plan
from windlass.engine.stock import AT_APPROVAL_S, refresh
from windlass.engine.supersede import supersede, what_changed
from windlass.engine.workable import get_workable, is_suspended

OVERDUE_S = 24 * 3600.0
"""A release that waits for longer is told of once, and waits on."""
_AT_A_TIME = 100


def approve(
    context: Context,
    name: str,
    release_id: ReleaseId,
    *,
    reason: str,
    actor: str,
    plan: str | None = None,
) -> None:
    """Let a release be deployed, which follows at once; by the `plan` that somebody has seen, or
    the first digits of its digest.

    Raises Conflict PLAN006 where the release has another plan, PLAN007 where it has none.
    Raises Conflict REL010 where it does not wait, HOLD004 where the repository is held, REL011
    where what it was asked about has changed (it is superseded then), and Forbidden REL012 where
    its author may not approve it. What Airflow has is asked again first.
    """
    with context.database.transaction() as connection:
        environment = get_workable(connection, name).environment
    refresh(context, environment, AT_APPROVAL_S)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        lock_claims(connection, repository)
        lock_repository(connection, repository.id)
        release = get_release(connection, repository.id, release_id)
        approval = _get_waiting(connection, name, release_id)
        _refuse_while_stopped(connection, repository)
        _refuse_author(connection, repository, release, actor)
        if plan is not None:
            refuse_other_plan(connection, repository, release, plan)
        current = find_current(connection, repository.id)
        changed = what_changed(connection, context, repository, release, current)
        if changed is not None:
            supersede(connection, repository, approval, changed)
            context.jobs.defer_sync(connection, repository.id)
        else:
            _decide(
                connection, repository, release, ApprovalState.APPROVED, actor, reason, plan=plan
            )
            context.jobs.defer_deploy(connection, repository.id, release=release_id)
    if changed is not None:
        raise Conflict(
            "REL011",
            f"release #{release_id} of {name!r} cannot be approved any more: {changed}",
            f"Look at what waits now: windlass repo show {name}",
        )


def reject(context: Context, name: str, release_id: ReleaseId, *, reason: str, actor: str) -> None:
    """Decide that a release is not deployed: its content is not asked about again until what it
    would replace, or the release policy, changes. Raises Conflict REL010 where it does not wait."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        lock_repository(connection, repository.id)
        release = get_release(connection, repository.id, release_id)
        _get_waiting(connection, name, release_id)
        _decide(connection, repository, release, ApprovalState.REJECTED, actor, reason)
        unsettle(connection, repository.id)  # the next sync says why the head is not deployed
        context.jobs.defer_sync(connection, repository.id)


def deploy_what_is_approved(context: Context, name: str | None = None) -> int:
    """Ask for the deployment of approved releases that are not deployed yet, of one repository or
    of all: a hold was in the way, or a worker died. How many there were."""
    with context.database.transaction() as connection:
        only = None if name is None else get_workable(connection, name).id
        found = list_approved(connection, only)
        for repository_id, release_id in found:
            context.jobs.defer_deploy(connection, repository_id, release=release_id)
    return len(found)


def tell_overdue(context: Context, overdue_s: float = OVERDUE_S) -> int:
    """Tell of releases that wait for too long, each once; how many there were."""
    with context.database.transaction() as connection:
        overdue = claim_overdue(connection, overdue_s, _AT_A_TIME)
        for repository_id, approval in overdue:
            repository = get_repository_by_id(connection, repository_id)
            release_id = approval.release_id
            tell(connection, Event.APPROVAL_OVERDUE, repository, release_id=release_id)
    return len(overdue)


def expire(context: Context) -> int:
    """End the question about releases that waited for as long as their repository lets them; how
    many there were. A sync that somebody asks for asks again."""
    with context.database.transaction() as connection:
        expired = claim_expired(connection, _AT_A_TIME)
        for repository_id, approval in expired:
            repository = get_repository_by_id(connection, repository_id)
            release_id = approval.release_id
            tell(connection, Event.APPROVAL_EXPIRED, repository, release_id=release_id)
            unsettle(connection, repository_id)  # the next sync says why the head is not deployed
            context.jobs.defer_sync(connection, repository_id)
    return len(expired)


def _get_waiting(connection: Connection, name: str, release_id: ReleaseId) -> Approval:
    approval = find_approval(connection, release_id)
    if approval is not None and approval.state is ApprovalState.WAITING:
        return approval
    was = "nobody had to approve it"
    hint = f"See what does: windlass repo show {name}"
    if approval is not None:
        was = f"it was {approval.state} by {approval.decided_by}: {approval.reason}"
    if approval is not None and approval.state is ApprovalState.EXPIRED:
        was, hint = f"it has expired, {approval.reason}", f"Ask again: windlass repo sync {name}"
    raise Conflict(
        "REL010", f"release #{release_id} of {name!r} does not wait for approval: {was}", hint
    )


def _refuse_while_stopped(connection: Connection, repository: Repository) -> None:
    if repository.suspended_at is not None:
        raise is_suspended(repository)
    holds = list_holds(connection, repository.id)
    if holds:
        raise Conflict(
            "HOLD004",
            f"{repository.name!r} is {holds[0]}, so nothing can be approved",
            f"End the hold first: windlass release unhold {repository.name} --reason …",
        )


def _refuse_author(
    connection: Connection, repository: Repository, release: Release, actor: str
) -> None:
    """Four eyes, where the repository asks for them."""
    if not repository.options.require_other_approver:
        return
    revision = find_revision(connection, repository.id, release.revision)
    if revision is not None and is_author(actor, revision.author, revision.author_email):
        raise Forbidden(
            "REL012",
            f"release #{release.id} is by {revision.author}, who may not approve it alone",
            f"Somebody else must: {repository.name} has the option require_other_approver.",
        )


def _decide(
    connection: Connection,
    repository: Repository,
    release: Release,
    state: ApprovalState,
    *by: str,
    plan: str | None = None,
) -> None:
    actor, reason = by
    is_approved = state is ApprovalState.APPROVED
    decide_approval(connection, release.id, state, actor=actor, reason=reason)
    tell(
        connection,
        Event.RELEASE_APPROVED if is_approved else Event.RELEASE_REJECTED,
        repository,
        revision=release.revision,
        release_id=release.id,
        actor=actor,
        reason=reason,
    )
    action = Action.RELEASE_APPROVED if is_approved else Action.RELEASE_REJECTED
    facts: dict[str, Any] = {"reason": reason} if plan is None else {"reason": reason, "plan": plan}
    audited(connection, actor, action, f"release/{repository.name}/{release.id}", **facts)
