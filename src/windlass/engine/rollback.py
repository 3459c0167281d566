"""Rollback: a new release with the content of an older one; the bad one is quarantined."""

from sqlalchemy.engine import Connection

from windlass.database.releases import (
    find_current,
    find_quarantine,
    get_release,
    quarantine,
)
from windlass.database.repositories import hold_lease, unsettle
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.policy import Allowed
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import Lease
from windlass.engine.context import Context, tell
from windlass.engine.publish import publish


def roll_back(context: Context, lease: Lease, bad: ReleaseId, cause: Cause) -> Release | None:
    """Deploy the content of release `cause.content_of` again, and quarantine `bad`, the release
    that was current when it was asked for.

    None where the current release has that content already: asking twice changes nothing. Raises
    Conflict REL003 where that content is quarantined itself, REL007 where `bad` is not current any
    more: nobody has judged the release that is.
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
        quarantined = find_quarantine(connection, lease.repository.id, wanted.artifact_digest)
    if current.id != bad:
        raise Conflict(
            "REL007",
            f"release #{bad} was to be rolled back, but #{current.id} has taken its place",
            "Look at it, and roll it back if it is bad too: windlass release list "
            + lease.repository.name,
        )
    if quarantined is not None:
        raise Conflict(
            "REL003",
            f"release #{to} has the content of #{quarantined[0]}, which is quarantined: "
            f"{quarantined[1]}",
            "Roll back to another release: windlass release list " + lease.repository.name,
        )

    def quarantine_bad(connection: Connection, release: Release) -> None:
        """With the release or not at all: the next sync must find both, or neither."""
        quarantine(connection, current, cause.reason)
        unsettle(connection, lease)
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

    return publish(
        context,
        lease,
        Allowed(()),  # it was allowed when it was released
        artifact,
        wanted.revision,
        content=lambda entry: context.store.read_file(to, entry),
        cause=cause,
        also=quarantine_bad,
    )
