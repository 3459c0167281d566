"""Rollback: a new release with the content of an older one; the bad one is quarantined."""

from sqlalchemy.engine import Connection

from windlass.database.releases import (
    find_current,
    find_quarantine,
    find_verdict_of,
    get_release,
    quarantine,
)
from windlass.database.repositories import hold_lease, unsettle
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import Lease, Repository
from windlass.engine.context import Context, tell
from windlass.engine.publish import publish
from windlass.engine.recover import content_of
from windlass.engine.rejudge import denial_today


def check_not_quarantined(connection: Connection, repository: Repository, wanted: Release) -> None:
    """Refuse to go back to quarantined content: Conflict REL003."""
    quarantined = find_quarantine(connection, repository.id, wanted.artifact_digest)
    if quarantined is None:
        return
    bad, reason = quarantined
    whose = "" if bad == wanted.id else f" has the content of #{bad}, which"
    raise Conflict(
        "REL003",
        f"release #{wanted.id}{whose} is quarantined: {reason}",
        f"Roll back to another one (windlass release list {repository.name}), or end that first: "
        f"windlass release lift {repository.name} {bad} --reason …",
    )


def roll_back(context: Context, lease: Lease, bad: ReleaseId, cause: Cause) -> Release | None:
    """Deploy the content of release `cause.content_of` again, and quarantine `bad`, the release
    that was current when it was asked for.

    None where the current release has that content already: asking twice changes nothing. Raises
    Conflict REL003 where that content is quarantined itself, REL007 where `bad` is not current any
    more: nobody has judged the release that is, REL016 where its files are gone everywhere.
    """
    to = cause.content_of
    assert to is not None
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        current = find_current(connection, lease.repository.id)
        wanted = get_release(connection, lease.repository.id, to)
        artifact = context.artifact_of(connection, wanted)
        if current is None or current.artifact_digest == wanted.artifact_digest:
            return None
        allowed = find_verdict_of(connection, wanted)  # it was allowed when it was released
    if current.id != bad:
        raise Conflict(
            "REL007",
            f"release #{bad} was to be rolled back, but #{current.id} has taken its place",
            "Look at it, and roll it back if it is bad too: windlass release list "
            + lease.repository.name,
        )
    with context.database.transaction() as connection:
        check_not_quarantined(connection, lease.repository, wanted)
        denial = denial_today(connection, context, lease.repository, wanted, current)

    def quarantine_bad(connection: Connection, release: Release) -> None:
        """With the release or not at all: the next sync must find both, or neither."""
        quarantine(connection, current, cause.reason)
        unsettle(connection, lease.repository.id)
        for event, told in (
            (Event.RELEASE_QUARANTINED, current),
            (Event.RELEASE_ROLLED_BACK, release),
        ):
            tell(
                connection,
                event,
                lease.repository,
                revision=told.revision,
                release_id=told.id,
                actor=cause.actor,
                reason=cause.reason,
            )
        if denial.findings:  # a person overrode it, or it goes back by itself: what fails is worse
            tell(
                connection,
                Event.ROLLBACK_DENIED,
                lease.repository,
                revision=release.revision,
                release_id=release.id,
                reasons=denial.words,
            )

    return publish(
        context,
        lease,
        allowed,
        artifact,
        wanted.revision,
        content=content_of(context, lease, wanted, artifact, current),
        cause=cause,
        also=quarantine_bad,
    )
