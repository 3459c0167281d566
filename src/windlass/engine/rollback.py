"""Rollback: a new release with the content of an older one; the bad one is quarantined."""

from windlass.database.releases import (
    find_current,
    find_quarantine,
    get_artifact,
    get_release,
    quarantine,
)
from windlass.database.repositories import hold_lease, unsettle
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.policy import Allowed
from windlass.domain.release import Release, ReleaseId
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
        artifact = get_artifact(connection, wanted.artifact_digest)
        if current is None or current.artifact_digest == wanted.artifact_digest:
            return None
        bad = find_quarantine(connection, lease.repository.id, wanted.artifact_digest)
    if bad is not None:
        raise Conflict(
            "REL003",
            f"release #{to} has the content of #{bad[0]}, which is quarantined: {bad[1]}",
            "Roll back to another release: windlass release list " + lease.repository.name,
        )
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        quarantine(connection, current, reason)
        # Before the flip: should this worker die now, the next sync must not redeploy the head.
        unsettle(connection, lease)
        tell(
            connection,
            Event.RELEASE_QUARANTINED,
            lease.repository,
            revision=current.revision,
            release_id=current.id,
            actor=actor,
            reason=reason,
        )
    release = publish(
        context,
        lease,
        artifact,
        wanted.revision,
        Allowed(()),  # it was allowed when it was released
        lambda entry: context.store.read_file(to, entry),
        actor=actor,
        reason=reason,
        content_of=to,
    )
    with context.database.transaction() as connection:
        tell(
            connection,
            Event.RELEASE_ROLLED_BACK,
            lease.repository,
            revision=release.revision,
            release_id=release.id,
            content_of=to,
            actor=actor,
            reason=reason,
        )
    return release
