"""Step 0: notice. Asks due repositories for the head of their branch, and for a sync on news."""

from concurrent.futures import ThreadPoolExecutor

from windlass.database.repositories import (
    DueRepository,
    claim_due,
    clear_failure,
    record_failure,
    record_poll,
)
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.repository import CommitSha
from windlass.engine.context import Context, log, tell
from windlass.git.remotes import find_head

BATCH = 20


def poll_due(context: Context, executor: ThreadPoolExecutor) -> int:
    """Poll a batch of repositories whose time has come; how many there were.

    A repository that cannot be polled gets its failure recorded and a later time; the others go
    on. Nothing is raised for what a remote does.
    """
    with context.database.transaction() as connection:
        due = claim_due(connection, BATCH)
    for future in [executor.submit(_poll, context, one) for one in due]:
        future.result()
    return len(due)


def _poll(context: Context, due: DueRepository) -> None:
    repository = due.repository
    try:
        with context.database.transaction() as connection:
            remote = context.remote_of(connection, repository)
        head = find_head(remote)
    except AppError as error:
        log.warning(Event.POLL_FAILED, repository=repository.name, code=error.code)
        with context.database.transaction() as connection:
            record_failure(connection, repository.id, error)
        return
    _note(context, due, head)


def _note(context: Context, due: DueRepository, head: CommitSha) -> None:
    """Ask for a sync where the last one settled on something else; it may be the twentieth ask."""
    settled = due.settled_revision == head and due.settled_inputs == context.inputs
    with context.database.transaction() as connection:
        if record_poll(connection, due.repository.id, head) and not settled:
            tell(connection, Event.REVISION_NOTICED, due.repository, revision=head, by="poll")
        if settled:
            clear_failure(connection, due.repository.id)
        else:
            context.jobs.defer_sync(connection, due.repository.id)
