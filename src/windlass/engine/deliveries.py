"""What a sync does for deliveries: it looks for their commit, and they end with it."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy.engine import Connection

from windlass.database.deliveries import (
    PastDelivery,
    accept_again,
    claim_forgotten,
    fail_deliveries,
    find_accepted,
    find_body,
    finish_deliveries,
    get_delivery,
)
from windlass.database.polls import expect_revision
from windlass.database.repositories import get_repository, get_repository_by_id
from windlass.database.webhooks import claim_silent
from windlass.domain.audit import Action
from windlass.domain.delivery import Decision, DeliveryId, DeliveryState, decide
from windlass.domain.errors import AppError, Conflict, LeaseLost
from windlass.domain.events import Event
from windlass.domain.repository import Lease, Repository
from windlass.engine.audit import audited
from windlass.engine.context import Context, tell
from windlass.engine.expect import ask_for, tell_dead
from windlass.engine.prove import unpack
from windlass.forges.verify import read_again


@contextlib.contextmanager
def answering(context: Context, lease: Lease) -> Iterator[Lease]:
    """Within, a sync answers the deliveries that were there when it began: it looks for the commit
    that the newest of them names. They are done when it ends well, and have had a try where it
    fails. One that is cut leaves them for the next."""
    repository = lease.repository
    with context.database.transaction() as connection:
        taken = find_accepted(connection, repository.id)
        revision = taken.revision if taken else None
        if revision is not None and revision != repository.expected_revision:
            expect_revision(connection, repository.id, revision)
            lease = replace(lease, repository=replace(repository, expected_revision=revision))
    if taken is None:
        yield lease
        return
    try:
        yield lease
    except LeaseLost:
        raise
    except AppError as error:
        words = f"{error.code} {error.message}"
        with (
            contextlib.suppress(AppError),  # the database is away: they have one try more
            context.database.transaction() as connection,
        ):
            dead = fail_deliveries(connection, repository.id, taken.newest, words)
            tell_dead(connection, repository, dead, words)
        raise
    with context.database.transaction() as connection:
        finish_deliveries(connection, repository.id, taken.newest)


def look_after(context: Context) -> None:
    """Ask again for syncs of deliveries that none took up, and tell of hosts that fell silent."""
    with context.database.transaction() as connection:
        for repository_id in claim_forgotten(connection):
            context.jobs.defer_sync(connection, repository_id)
    with context.database.transaction() as connection:
        silent = claim_silent(connection)
        for one in silent:
            repository = get_repository_by_id(connection, one.repository_id)
            tell(connection, Event.HOOKS_SILENT, repository, kind=one.kind.value)


def replay(context: Context, delivery_id: DeliveryId, *, actor: str) -> PastDelivery:
    """Answer a delivery once more, as it is read now; whoever sent it need not send it again.

    Raises NotFound HOOK014, Conflict HOOK015 where it was never believed, HOOK016 where nothing
    follows from it, and what `ask_for` raises.
    """
    with context.database.transaction() as connection:
        found = get_delivery(connection, delivery_id)
        if found.proof is None or found.state is DeliveryState.REFUSED:
            raise Conflict(
                "HOOK015",
                f"delivery {delivery_id} was refused, so nothing of it is believed",
                "Correct its webhook, and have the Git host send it again.",
            )
        repository = get_repository(connection, found.repository)
        decided = _decided_again(context, connection, repository, found)
        if decided.state is not DeliveryState.ACCEPTED:
            raise Conflict(
                "HOOK016",
                f"nothing follows from delivery {delivery_id}: {decided.reason or decided.words}",
            )
        values = {
            "state": DeliveryState.ACCEPTED,
            "words": decided.words,
            "reason": "",
            "ref": decided.ref,
            "revision": decided.revision,
        }
        accept_again(connection, delivery_id, values)
        ask_for(context, connection, repository, None)
        audited(
            connection,
            actor,
            Action.DELIVERY_REPLAYED,
            f"repository/{repository.name}",
            delivery=delivery_id,
        )
        tell(connection, Event.DELIVERY_REPLAYED, repository, delivery=delivery_id, actor=actor)
        return get_delivery(connection, delivery_id)


def _decided_again(
    context: Context, connection: Connection, repository: Repository, found: PastDelivery
) -> Decision:
    """What follows by its body, where that is kept; else by what was read from it."""
    sealed = find_body(connection, found.id)
    if sealed is None:
        if found.state is DeliveryState.DONE and found.ref is not None:
            return Decision(DeliveryState.ACCEPTED, found.words, "", found.ref, None)
        return Decision(found.state, found.words, found.reason)
    body, is_form = unpack(context.keyring.decrypt(sealed))
    news = read_again(found.kind, found.event, body, is_form=is_form)
    return decide(repository.ref, news)
