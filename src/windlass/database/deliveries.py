"""What Git hosts delivered, how far it came, and what is kept of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.delivery import DeliveryId, DeliveryState, ForgeKind, Proof
from windlass.domain.errors import NotFound
from windlass.domain.ref import CommitSha
from windlass.domain.repository import RepositoryId
from windlass.domain.webhook import WebhookId

_d, _r = t.delivery.c, t.repository.c
MAX_TRIES = 5
"""So many failed syncs after a delivery, and it is dead; the repository is asked on by polls."""
UNASKED = timedelta(seconds=10)
"""So long after a delivery a sync must have begun, or is asked for once more."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery as it is stored; the columns of the table. `body` is encrypted."""

    webhook_id: WebhookId
    repository_id: RepositoryId
    kind: ForgeKind
    proof: Proof | None
    event: str
    host_id: str | None
    digest: str
    size_bytes: int
    state: DeliveryState
    words: str
    reason: str
    ref: str | None
    revision: CommitSha | None
    body: bytes | None

    @property
    def key(self) -> tuple[int, str]:
        """What makes another one the same."""
        return self.webhook_id, self.digest


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """A delivery without its body. `repository` is the name of now."""

    id: DeliveryId
    repository: str
    kind: ForgeKind
    proof: Proof | None
    event: str
    host_id: str | None
    digest: str
    size_bytes: int
    state: DeliveryState
    words: str
    reason: str
    ref: str | None
    revision: str | None
    times: int
    tries: int
    received_at: datetime
    ended_at: datetime | None
    has_body: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a sync answers: every accepted delivery up to the newest. `revision` is the commit that
    the newest of them names."""

    newest: DeliveryId
    revision: CommitSha | None


def store_deliveries(
    connection: Connection, new: Sequence[NewDelivery]
) -> dict[tuple[int, str], DeliveryId]:
    """Store those that did not come before; their ids by webhook and digest. Each key is there at
    most once. Rows are inserted in one order, whoever stores."""
    if not new:
        return {}
    rows = [_values(one) for one in sorted(new, key=lambda one: one.key)]
    query = insert(t.delivery).on_conflict_do_nothing()
    found = connection.execute(query.returning(_d.id, _d.webhook_id, _d.digest), rows)
    return {(row.webhook_id, row.digest): DeliveryId(row.id) for row in found}


def count_again(connection: Connection, keys: Collection[tuple[int, str]]) -> None:
    """Note that these came once more."""
    same = sa.tuple_(_d.webhook_id, _d.digest).in_(list(keys))
    # Another process counts one just now: nobody waits for that.
    due = sa.select(_d.id).where(same, _d.proof.is_not(None)).with_for_update(skip_locked=True)
    query = sa.update(t.delivery).where(_d.id.in_(due))
    connection.execute(query.values(times=_d.times + 1))


def find_accepted(connection: Connection, repository_id: RepositoryId) -> Accepted | None:
    """What a sync of the repository that begins now answers; None where nothing waits."""
    query = sa.select(_d.id, _d.revision).where(*_accepted(repository_id))
    row = connection.execute(query.order_by(_d.id.desc()).limit(1)).one_or_none()
    return None if row is None else Accepted(DeliveryId(row.id), row.revision)


def finish_deliveries(connection: Connection, repository_id: RepositoryId, to: DeliveryId) -> None:
    """A sync answered these; all but the one whose commit the remote is still asked for."""
    awaited = sa.select(_r.expected_revision).where(_r.id == repository_id).scalar_subquery()
    is_awaited = sa.func.coalesce(_d.revision == awaited, False)
    _end(connection, DeliveryState.DONE, "", *_accepted(repository_id), _d.id <= to, ~is_awaited)


def finish_revision(
    connection: Connection, repository_id: RepositoryId, revision: CommitSha
) -> None:
    """The remote shows the commit, or its head contains it."""
    mine = (*_accepted(repository_id), _d.revision == revision)
    _end(connection, DeliveryState.DONE, "", *mine)


def give_up_revision(
    connection: Connection, repository_id: RepositoryId, revision: CommitSha, reason: str
) -> list[DeliveryId]:
    """The remote does not show the commit; which deliveries are dead for it."""
    mine = (*_accepted(repository_id), _d.revision == revision)
    return _end(connection, DeliveryState.DEAD, reason, *mine)


def fail_deliveries(
    connection: Connection, repository_id: RepositoryId, to: DeliveryId, reason: str
) -> list[DeliveryId]:
    """A sync for these failed; which of them are dead now."""
    mine = (*_accepted(repository_id), _d.id <= to)
    tried = sa.update(t.delivery).where(*mine)
    connection.execute(tried.values(tries=_d.tries + 1, reason=reason))
    return _end(connection, DeliveryState.DEAD, reason, *mine, _d.tries >= MAX_TRIES)


def claim_forgotten(connection: Connection) -> list[RepositoryId]:
    """Repositories with deliveries that no sync has taken up, though nothing else is wrong."""
    query = (
        sa.select(_d.repository_id)
        .join(t.repository, _r.id == _d.repository_id)
        .where(
            _d.state == DeliveryState.ACCEPTED,
            _d.received_at < sa.func.now() - UNASKED,
            _r.failures == 0,
            _r.expected_revision.is_(None),
            _r.suspended_at.is_(None),
            _r.removing_at.is_(None),
        )
        .distinct()
        .limit(100)
    )
    return list(connection.execute(query).scalars())


def count_accepted(connection: Connection) -> int:
    """How many deliveries no sync has answered yet."""
    query = sa.select(sa.func.count()).where(_d.state == DeliveryState.ACCEPTED)
    return int(connection.execute(query).scalar_one())


def told_at(
    connection: Connection, repository_id: RepositoryId, revision: CommitSha
) -> datetime | None:
    """When it was first delivered that the commit was pushed; None where nobody told."""
    is_it = sa.or_(_d.revision == revision, _d.revision.is_(None))
    named_first = _d.revision.is_(None), _d.id
    query = sa.select(_d.received_at).where(*_accepted(repository_id), is_it)
    return connection.execute(query.order_by(*named_first).limit(1)).scalar_one_or_none()


def list_deliveries(
    connection: Connection,
    *,
    repository_id: RepositoryId | None = None,
    state: DeliveryState | None = None,
    limit: int,
) -> list[PastDelivery]:
    """The newest deliveries, newest first."""
    query = _past().order_by(_d.id.desc()).limit(limit)
    if repository_id is not None:
        query = query.where(_d.repository_id == repository_id)
    if state is not None:
        query = query.where(_d.state == state)
    return [_delivery(row) for row in connection.execute(query)]


def get_delivery(connection: Connection, delivery_id: DeliveryId) -> PastDelivery:
    """One delivery; NotFound HOOK014."""
    row = connection.execute(_past().where(_d.id == delivery_id)).one_or_none()
    if row is None:
        raise NotFound(
            "HOOK014",
            f"there is no delivery {delivery_id}",
            "List those that there are: windlass delivery list",
        )
    return _delivery(row)


def find_body(connection: Connection, delivery_id: DeliveryId) -> bytes | None:
    """The encrypted body; None where it is not kept any more."""
    query = sa.select(_d.body).where(_d.id == delivery_id)
    return connection.execute(query).scalar_one_or_none()


def reseal_bodies(connection: Connection, recode: Callable[[bytes], bytes]) -> None:
    """Replace every encrypted body that is kept by what `recode` makes of it."""
    ids = connection.execute(sa.select(_d.id).where(_d.body.is_not(None))).scalars().all()
    for one in ids:
        body = connection.execute(sa.select(_d.body).where(_d.id == one).with_for_update()).scalar()
        if body is not None:  # it was not done meanwhile
            query = sa.update(t.delivery).where(_d.id == one)
            connection.execute(query.values(body=recode(bytes(body))))


def accept_again(connection: Connection, delivery_id: DeliveryId, values: dict[str, Any]) -> None:
    """Have a delivery answered once more, with what was read from it now."""
    query = sa.update(t.delivery).where(_d.id == delivery_id)
    connection.execute(query.values(tries=0, ended_at=None, **values))


def _accepted(repository_id: RepositoryId) -> tuple[sa.ColumnElement[bool], ...]:
    return _d.repository_id == repository_id, _d.state == DeliveryState.ACCEPTED


def _end(
    connection: Connection, state: DeliveryState, reason: str, *which: sa.ColumnElement[bool]
) -> list[DeliveryId]:
    values: dict[str, Any] = {"state": state, "ended_at": sa.func.now(), "reason": reason}
    if state is DeliveryState.DONE:
        values["body"] = None  # nobody needs to read it again
    query = sa.update(t.delivery).where(*which).values(values)
    return [DeliveryId(one) for one in connection.execute(query.returning(_d.id)).scalars()]


def _values(new: NewDelivery) -> dict[str, Any]:
    """The columns; not by `asdict`, which copies deeply."""
    return {field.name: getattr(new, field.name) for field in fields(NewDelivery)}


def _past() -> sa.Select[Any]:
    names = [one for one in t.delivery.c if one.name not in ("body", "webhook_id", "repository_id")]
    has_body = _d.body.is_not(None).label("has_body")
    query = sa.select(*names, _r.name.label("repository"), has_body)
    return query.join(t.repository, _r.id == _d.repository_id)


def _delivery(row: Row[Any]) -> PastDelivery:
    kinds = {"kind": ForgeKind(row.kind), "state": DeliveryState(row.state)}
    proof = None if row.proof is None else Proof(row.proof)
    return PastDelivery(**{**row._asdict(), **kinds, "proof": proof})
