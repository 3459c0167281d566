"""Holds: what people ask for, and what a sync asks before it deploys."""

from datetime import timedelta

from sqlalchemy.engine import Connection

from windlass.database.holds import claim_expired, end_holds, list_holds, open_hold
from windlass.database.releases import find_quarantine, get_release, lift_quarantine
from windlass.database.repositories import (
    end_lease,
    get_repository_by_id,
    hold_lease,
    settle,
    unsettle,
)
from windlass.domain.audit import Action
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.hold import Hold, HoldId, HoldKind, parse_expiry
from windlass.domain.release import ReleaseId
from windlass.domain.repository import CommitSha, Lease, Repository
from windlass.engine.audit import audited
from windlass.engine.context import Context, tell
from windlass.engine.workable import get_workable

_EXPIRED_AT_A_TIME = 100


def hold(
    context: Context,
    name: str,
    *,
    reason: str,
    actor: str,
    until_new_head: bool = False,
    expires: str | None = None,
) -> Hold:
    """Stop automatic deployments of a repository; a sync that runs now deploys nothing any more.

    Raises Conflict HOLD002 where a person holds it already, Invalid HOLD003 for an `expires` that
    cannot be read.
    """
    expires_in = None if expires is None else parse_expiry(expires)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        begun = hold_with(
            connection,
            repository,
            reason=reason,
            actor=actor,
            until_new_head=until_new_head,
            expires_in=expires_in,
        )
        if begun is None:
            raise _is_held_already(connection, repository)
        context.jobs.defer_sync(connection, repository.id)
    return begun


def hold_with(
    connection: Connection,
    repository: Repository,
    *,
    reason: str,
    actor: str,
    until_new_head: bool = False,
    expires_in: timedelta | None = None,
) -> Hold | None:
    """Hold a repository in a transaction that does more; None where a person holds it already."""
    end_lease(connection, repository.id)
    begun = open_hold(
        connection,
        repository.id,
        HoldKind.MANUAL,
        reason=reason,
        actor=actor,
        until_new_head=until_new_head,
        expires_in=expires_in,
    )
    if begun is not None:
        tell_begun(connection, repository, begun)
        audited(
            connection,
            actor,
            Action.HOLD_BEGUN,
            f"repository/{repository.name}",
            reason=reason,
            until_new_head=until_new_head,
            expires_at=begun.expires_at,
        )
    return begun


def unhold(context: Context, name: str, *, reason: str, actor: str) -> list[Hold]:
    """End every hold of a repository, whoever or whatever began it; what waited is deployed at
    once. Raises Conflict HOLD001 where nothing holds it."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        end_lease(connection, repository.id)
        ended = end_open_holds(connection, repository, reason=reason, actor=actor)
        if not ended:
            raise Conflict(
                "HOLD001",
                f"nothing holds {name!r}",
                f"See why it is where it is: windlass repo show {name}",
            )
        kinds = [one.kind.value for one in ended]
        subject = f"repository/{name}"
        audited(connection, actor, Action.HOLD_ENDED, subject, reason=reason, kinds=kinds)
        unsettle(connection, repository.id)
        context.jobs.defer_sync(connection, repository.id)
    return ended


def lift(
    context: Context, name: str, release_id: ReleaseId, *, reason: str, actor: str
) -> ReleaseId:
    """End the quarantine of a release's content: the next sync may deploy it again. Returns the
    release that was quarantined. Raises Conflict REL009 where that content is not."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        end_lease(connection, repository.id)
        release = get_release(connection, repository.id, release_id)
        found = find_quarantine(connection, repository.id, release.artifact_digest)
        if found is None:
            raise Conflict(
                "REL009",
                f"release #{release_id} of {name!r} is not quarantined",
                f"See which are: windlass release list {name}",
            )
        lift_quarantine(connection, repository.id, release.artifact_digest)
        tell(
            connection,
            Event.RELEASE_LIFTED,
            repository,
            revision=release.revision,
            release_id=found[0],
            actor=actor,
            reason=reason,
        )
        subject = f"release/{name}/{found[0]}"
        audited(connection, actor, Action.RELEASE_LIFTED, subject, reason=reason, was=found[1])
        unsettle(connection, repository.id)
        context.jobs.defer_sync(connection, repository.id)
    return found[0]


def is_held(context: Context, lease: Lease, revision: CommitSha) -> bool:
    """Whether holds keep this allowed revision from being deployed; the sync is settled then.

    Holds that waited for a new head end here.
    """
    repository = lease.repository
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        holds = list_holds(connection, repository.id)
        over = [one.id for one in holds if one.ends_with(revision)]
        reason = f"the new head {revision[:7]} is allowed"
        end_and_tell(connection, repository, over, reason=reason, actor="windlass")
        left = [one for one in holds if one.id not in over]
        if not left:
            return False
        words = "; ".join(str(one) for one in left)
        settle(connection, lease, revision, context.inputs_of(lease.repository), held_reason=words)
        tell(connection, Event.REVISION_HELD, repository, revision=revision, reason=words)
    return True


def tell_begun(connection: Connection, repository: Repository, begun: Hold) -> None:
    """Tell the history of a hold that was opened in this transaction."""
    _tell(connection, Event.HOLD_BEGUN, repository, begun)


def end_open_holds(
    connection: Connection, repository: Repository, *, reason: str, actor: str
) -> list[Hold]:
    """End every open hold of a repository; which there were."""
    ids = [one.id for one in list_holds(connection, repository.id)]
    return end_and_tell(connection, repository, ids, reason=reason, actor=actor)


def tell_expired(context: Context) -> int:
    """Tell of holds that last longer than they were meant to, each once; how many there were."""
    with context.database.transaction() as connection:
        expired = claim_expired(connection, _EXPIRED_AT_A_TIME)
        for repository_id, one in expired:
            repository = get_repository_by_id(connection, repository_id)
            _tell(connection, Event.HOLD_EXPIRED, repository, one)
    return len(expired)


def end_and_tell(
    connection: Connection, repository: Repository, ids: list[HoldId], *, reason: str, actor: str
) -> list[Hold]:
    """End these holds and tell the history of it; the ones that were open until now."""
    ended = end_holds(connection, ids, actor=actor, reason=reason) if ids else []
    for one in ended:
        _tell(connection, Event.HOLD_ENDED, repository, one, actor, reason)
    return ended


def _tell(
    connection: Connection, event: Event, repository: Repository, one: Hold, *by: str
) -> None:
    kind, (actor, reason) = one.kind.value, by or (one.actor, one.reason)
    tell(connection, event, repository, revision=one.head, kind=kind, actor=actor, reason=reason)


def _is_held_already(connection: Connection, repository: Repository) -> Conflict:
    mine = [one for one in list_holds(connection, repository.id) if one.kind is HoldKind.MANUAL]
    return Conflict(
        "HOLD002",
        f"{repository.name!r} is {mine[0]} (since {mine[0].created_at:%Y-%m-%d %H:%M} UTC)",
        f"End it first: windlass release unhold {repository.name} --reason …",
    )
