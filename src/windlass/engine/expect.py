"""A commit that somebody says is there, such as a webhook, and that the remote may not show yet.

A host answers from copies that lag behind a push. So the remote is asked again a few times, soon;
then it is told that the commit is not there, and polling goes on as ever.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.deliveries import finish_revision, give_up_revision
from windlass.database.polls import count_expected, expect_revision, forget_expected, poll_soon
from windlass.domain.delivery import DeliveryId
from windlass.domain.events import Event
from windlass.domain.ref import CommitSha
from windlass.domain.repository import Repository
from windlass.engine.context import Context, tell
from windlass.engine.workable import is_suspended

WAITS_S = (0.5, 0.5, 1.0, 2.0, 4.0)
"""Between one answer and the next question: asked again 0.5, 1, 2, 4 and 8 s after the first."""


def ask_for(
    context: Context, connection: Connection, repository: Repository, revision: CommitSha | None
) -> bool:
    """Ask for a sync, in the caller's transaction; False where one is waiting already.

    With a `revision` the sync is to bring that commit, or a head that contains it; of several that
    are asked for, the newest request counts. Raises Conflict REPO017 where the repository is
    suspended.
    """
    if repository.suspended_at is not None:
        raise is_suspended(repository)
    if revision is not None:
        expect_revision(connection, repository.id, revision)
    return context.jobs.defer_sync(connection, repository.id)


def note_asked(
    connection: Connection,
    repository: Repository,
    head: CommitSha,
    contains: Callable[[CommitSha], bool | None],
) -> None:
    """Note what the remote answered while a commit was expected: it is there, or the remote is
    asked again soon, or, after the last time, it is told that it is not there."""
    expected = repository.expected_revision
    if expected is None:
        return
    is_held = head == expected or contains(expected)
    if is_held:
        forget_expected(connection, repository.id, expected)
        finish_revision(connection, repository.id, expected)
        return
    tries = count_expected(connection, repository.id, expected)
    if tries is None:  # done by somebody else, or another is expected now
        return
    if tries <= len(WAITS_S):
        poll_soon(connection, repository.id, after_s=WAITS_S[tries - 1])
        return
    forget_expected(connection, repository.id, expected)
    words = f"the remote does not show {expected[:7]}: its head is {head[:7]}"
    dead = give_up_revision(connection, repository.id, expected, words)
    tell_dead(connection, repository, dead, words)
    unsure: dict[str, Any] = {}
    if is_held is None:
        unsure["or"] = "it is older than the mirror reaches (option depth)"
    tell(
        connection,
        Event.REVISION_MISSING,
        repository,
        revision=expected,
        head=head,
        asked=tries,
        seconds=sum(WAITS_S),
        **unsure,
    )


def tell_dead(
    connection: Connection, repository: Repository, dead: list[DeliveryId], reason: str
) -> None:
    """Tell of deliveries that nobody tries again by itself."""
    if dead:
        told = dead[:20]
        tell(connection, Event.DELIVERY_DEAD, repository, deliveries=told, reason=reason)
