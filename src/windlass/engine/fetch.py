"""Step 1: fetch. The head of the branch into this worker's mirror."""

from windlass.database.repositories import hold_lease, record_revision
from windlass.domain.events import Event
from windlass.domain.repository import Lease, Revision
from windlass.engine.context import Context, tell
from windlass.git.mirror import mirror_of


def fetch(context: Context, lease: Lease) -> Revision:
    """The newest revision, its objects in the mirror.

    Raises what `git.remotes.find_head` raises, and LeaseLost.
    """
    repository = lease.repository
    with context.database.transaction() as connection:
        remote = context.remote_of(connection, repository)
    revision = mirror_of(context.mirrors, repository.id).fetch(remote)
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        if record_revision(connection, repository.id, revision):
            # Pushed after the poll, or before the first one.
            tell(connection, Event.REVISION_NOTICED, repository, revision=revision.sha, by="fetch")
        tell(
            connection,
            Event.REVISION_FETCHED,
            repository,
            revision=revision.sha,
            subject=revision.subject,
        )
    return revision
