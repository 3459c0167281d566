"""Step 0: notice. Asks due repositories for the head of their branch, and for a sync on news."""

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor, wait

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

AT_A_TIME = 8


class Poller:
    """Asks at most AT_A_TIME remotes at once, so that a slow one holds up only itself."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._executor = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="poll")
        self._pending: set[Future[None]] = set()

    def poll_due(self) -> int:
        """Begin to poll the repositories whose time has come, as many as there is room for; how
        many. Nothing is raised for what a remote does."""
        self._pending = {future for future in self._pending if not future.done()}
        room = AT_A_TIME - len(self._pending)
        if not room:
            return 0
        with self._context.database.transaction() as connection:
            due = claim_due(connection, room)
        self._pending |= {self._executor.submit(_poll, self._context, one) for one in due}
        return len(due)

    def wait(self) -> None:
        """Until every poll that was begun has ended."""
        wait(self._pending)

    def close(self) -> None:
        """End after the polls that run now."""
        self._executor.shutdown(cancel_futures=True)


def _poll(context: Context, due: DueRepository) -> None:
    """Poll one repository. One that cannot be polled gets its failure recorded and a later time."""
    repository = due.repository
    try:
        with context.database.transaction() as connection:
            remote = context.remote_of(connection, repository)
        _note(context, due, find_head(remote))
    except AppError as error:
        log.warning(Event.POLL_FAILED, repository=repository.name, code=error.code)
        with (
            contextlib.suppress(AppError),  # the database is away: the repository stays due
            context.database.transaction() as connection,
        ):
            record_failure(connection, repository.id, error)
    except Exception:  # noqa: BLE001  # our bug, which must not end with a future that nobody looks at
        log.exception(Event.POLL_FAILED, repository=repository.name)


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
