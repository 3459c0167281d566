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


def roll_back(
    context: Context, lease: Lease, to: ReleaseId, *, actor: str, reason: str
) -> Release | None:
    """Deploy the content of release `to` again, and quarantine the current release.

    None where the current release has that content already: asking twice changes nothing.
    Raises Conflict REL003 where that content is quarantined itself.
    """
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        current = find_current(connection, lease.repository.id)
        wanted = get_release(connection, lease.repository.id, to)
        artifact = context.artifact_of(connection, wanted)
        if current is None or current.artifact_digest == wanted.artifact_digest:
            return None
        bad = find_quarantine(connection, lease.repository.id, wanted.artifact_digest)
    if bad is not None:
        raise Conflict(
            "REL003",
            f"release #{to} has the content of #{bad[0]}, which is quarantined: {bad[1]}",
            "Roll back to another release: windlass release list " + lease.repository.name,
        )
    bad_release = current

    def quarantine_bad(connection: Connection, release: Release) -> None:
        """With the release or not at all: the next sync must find both, or neither."""
        quarantine(connection, bad_release, reason)
        unsettle(connection, lease)
        for event, told in (
            (Event.RELEASE_QUARANTINED, bad_release),
            (Event.RELEASE_ROLLED_BACK, release),
        ):
            tell(
                connection,
                event,
                lease.repository,
                revision=told.revision,
                release_id=told.id,
                actor=actor,
                reason=reason,
            )

    return publish(
        context,
        lease,
        Allowed(()),  # it was allowed when it was released
        artifact,
        wanted.revision,
        content=lambda entry: context.store.read_file(to, entry),
        cause=Cause(actor, reason, content_of=to),
        also=quarantine_bad,
    )
