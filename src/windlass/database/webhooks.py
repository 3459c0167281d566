"""Webhooks and the ciphertexts of their secrets."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.alias import alias_of
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Conflict, NotFound
from windlass.domain.ref import Ref, RefKind
from windlass.domain.repository import Repository, RepositoryId
from windlass.domain.webhook import Hook, SecretNote, Webhook, WebhookId

_w, _s, _r = t.webhook.c, t.webhook_secret.c, t.repository.c
HEARD_EVERY = timedelta(seconds=1)
"""How exactly it is noted when a webhook was heard: a storm of calls need not write every time."""
SOON_S = 10
"""Between polls, at most, of a repository whose host did not tell of a push."""
UNTOLD = timedelta(seconds=60)
"""A call may come so much later than the push, before it is told that none came."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A webhook that a call may be for. `secrets` are the ciphertexts of those that are valid."""

    webhook_id: WebhookId
    kind: ForgeKind
    address: str
    remote: str | None
    repository_id: RepositoryId
    repository: str
    ref: Ref
    is_suspended: bool
    checks_pulls: bool
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Telling:
    """A webhook of which something is told: that it fell silent, or is heard again."""

    repository_id: RepositoryId
    kind: ForgeKind


def add_webhook(
    connection: Connection,
    repository: Repository,
    kind: ForgeKind,
    *,
    address: str,
    ciphertext: bytes,
    actor: str,
) -> None:
    """Store a webhook with its first secret; Conflict HOOK010 where there is one of the kind."""
    query = sa.insert(t.webhook).values(
        repository_id=repository.id,
        kind=kind,
        address=address,
        remote=alias_of(repository.url, kind),
        created_by=actor,
    )
    try:
        with connection.begin_nested():
            webhook_id = connection.execute(query.returning(_w.id)).scalar_one()
    except sa.exc.IntegrityError as error:
        raise Conflict(
            "HOOK010",
            f"{repository.name!r} has a webhook of the kind {kind} already",
            f"Give it another secret: windlass webhook rotate {repository.name}",
        ) from error
    _add_secret(connection, webhook_id, ciphertext)


def add_secret(
    connection: Connection, webhook_id: WebhookId, ciphertext: bytes, keep: timedelta
) -> None:
    """Add the newest secret; those before it stay valid for `keep`, at most."""
    ends = sa.func.now() + keep
    older = sa.update(t.webhook_secret).where(_s.webhook_id == webhook_id)
    connection.execute(older.values(expires_at=sa.func.least(_s.expires_at, ends)))
    _add_secret(connection, webhook_id, ciphertext)
    over = sa.delete(t.webhook_secret).where(_s.expires_at <= sa.func.now())
    connection.execute(over)


def get_webhook(connection: Connection, repository: Repository, kind: ForgeKind) -> Webhook:
    """The webhook of that kind; NotFound HOOK013 where there is none."""
    found = [one for one in list_webhooks(connection, repository.id) if one.kind is kind]
    if found:
        return found[0]
    raise NotFound(
        "HOOK013",
        f"{repository.name!r} has no webhook of the kind {kind}",
        f"Add one: windlass webhook add {repository.name} --kind {kind}",
    )


def newest_secret(connection: Connection, webhook_id: WebhookId) -> bytes:
    """The ciphertext of the secret that the host should have."""
    query = sa.select(_s.ciphertext).where(_s.webhook_id == webhook_id).order_by(_s.id.desc())
    return bytes(connection.execute(query.limit(1)).scalar_one())


def list_secrets(connection: Connection) -> list[tuple[str, ForgeKind, bytes]]:
    """Repository, kind and ciphertext of every secret that is kept, old ones too."""
    query = (
        sa.select(_r.name, _w.kind, _s.ciphertext)
        .join(t.webhook, _w.id == _s.webhook_id)
        .join(t.repository, _r.id == _w.repository_id)
        .order_by(_s.id)
    )
    rows = connection.execute(query)
    return [(row.name, ForgeKind(row.kind), bytes(row.ciphertext)) for row in rows]


def list_webhooks(
    connection: Connection, repository_id: RepositoryId | None = None
) -> list[Webhook]:
    """All webhooks, or those of one repository, by repository and kind."""
    query = (
        sa.select(t.webhook, _r.name)
        .join(t.repository, _r.id == _w.repository_id)
        .where(_r.removed_at.is_(None))
        .order_by(_r.name, _w.kind)
    )
    if repository_id is not None:
        query = query.where(_w.repository_id == repository_id)
    rows = connection.execute(query).all()
    notes = _notes(connection, [row.id for row in rows])
    return [_webhook(row, notes) for row in rows]


def hooks_of(
    connection: Connection, ids: Collection[RepositoryId]
) -> dict[RepositoryId, tuple[Hook, ...]]:
    """Whether the hosts of these repositories call, by kind."""
    query = sa.select(_w.repository_id, _w.kind, _w.heard_at, _w.silent_at)
    found = defaultdict[RepositoryId, tuple[Hook, ...]](tuple)
    for row in connection.execute(query.where(_w.repository_id.in_(list(ids))).order_by(_w.kind)):
        found[row.repository_id] += (Hook(ForgeKind(row.kind), row.heard_at, row.silent_at),)
    return found


def remove_webhooks(
    connection: Connection, repository_id: RepositoryId, kind: ForgeKind | None = None
) -> None:
    """Remove a repository's webhook of that kind, or all; what was delivered stays."""
    query = sa.delete(t.webhook).where(_w.repository_id == repository_id)
    connection.execute(query if kind is None else query.where(_w.kind == kind))


def follow_url(connection: Connection, repository_id: RepositoryId, url: str) -> None:
    """Let calls to the shared address find the webhooks of a repository by its URL of now."""
    query = sa.select(_w.id, _w.kind, _w.remote).where(_w.repository_id == repository_id)
    for row in connection.execute(query).all():
        alias = alias_of(url, ForgeKind(row.kind))
        if alias != row.remote:
            moved = sa.update(t.webhook).where(_w.id == row.id)
            connection.execute(moved.values(remote=alias))


def find_addressees(
    connection: Connection, addresses: Collection[str], remotes: Collection[tuple[ForgeKind, str]]
) -> list[Addressee]:
    """The webhooks of these addresses, and those of a kind whose repository has this alias."""
    by_remote = sa.tuple_(_w.kind, _w.remote).in_(list(remotes))
    query = (
        sa.select(
            _w.id, _w.kind, _w.address, _w.remote, _r.id.label("repository_id"), _r.name,
            _r.ref_kind, _r.ref, _r.options,
            _r.suspended_at.is_not(None).label("is_suspended"), _s.ciphertext,
        )
        .join(t.repository, _r.id == _w.repository_id)
        .join(t.webhook_secret, _s.webhook_id == _w.id)
        .where(
            sa.or_(_w.address.in_(list(addresses)), by_remote),
            sa.or_(_s.expires_at.is_(None), _s.expires_at > sa.func.now()),
            _r.removing_at.is_(None),
        )
        .order_by(_w.id, _s.id.desc())
    )  # fmt: skip
    rows = defaultdict[int, list[Row[Any]]](list)
    for row in connection.execute(query):
        rows[row.id].append(row)
    return [_addressee(found) for found in rows.values()]


def reseal_webhooks(connection: Connection, recode: Callable[[bytes], bytes]) -> int:
    """Replace every ciphertext by what `recode` makes of it; how many."""
    rows = connection.execute(sa.select(_s.id, _s.ciphertext).with_for_update()).all()
    for row in rows:
        query = sa.update(t.webhook_secret).where(_s.id == row.id)
        connection.execute(query.values(ciphertext=recode(bytes(row.ciphertext))))
    return len(rows)


def note_heard(connection: Connection, ids: Collection[WebhookId]) -> list[Telling]:
    """Note that calls to these webhooks were believed; those that had been told to be silent."""
    is_old = sa.or_(_w.heard_at.is_(None), _w.heard_at < sa.func.now() - HEARD_EVERY)
    due = (
        sa.select(_w.id, _w.silent_at)
        .where(_w.id.in_(list(ids)), sa.or_(is_old, _w.missed_at.is_not(None)))
        # Another process notes it just now: nobody waits for that.
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    query = (
        sa.update(t.webhook)
        .where(_w.id == due.c.id)
        .values(heard_at=sa.func.now(), missed_at=None, silent_at=None)
        .returning(_w.repository_id, _w.kind, due.c.silent_at)
    )
    rows = connection.execute(query)
    return [_telling(row) for row in rows if row.silent_at is not None]


def note_missed(connection: Connection, repository_id: RepositoryId) -> None:
    """Note that a poll found a push, unless a call came lately that may have told of it."""
    lately = _w.heard_at > sa.func.now() - UNTOLD
    query = sa.update(t.webhook).where(
        _w.repository_id == repository_id, _w.missed_at.is_(None), lately.is_not(True)
    )
    connection.execute(query.values(missed_at=sa.func.now()))


def claim_silent(connection: Connection) -> list[Telling]:
    """The webhooks whose call did not come after all, each once."""
    query = (
        sa.update(t.webhook)
        .where(_w.missed_at < sa.func.now() - UNTOLD, _w.silent_at.is_(None))
        .values(silent_at=sa.func.now())
        .returning(_w.repository_id, _w.kind)
    )
    return [_telling(row) for row in connection.execute(query)]


def _add_secret(connection: Connection, webhook_id: WebhookId, ciphertext: bytes) -> None:
    values = {"webhook_id": webhook_id, "ciphertext": ciphertext}
    connection.execute(sa.insert(t.webhook_secret).values(values))


def _notes(connection: Connection, ids: Iterable[int]) -> Mapping[int, tuple[SecretNote, ...]]:
    query = (
        sa.select(_s.webhook_id, _s.created_at, _s.expires_at)
        .where(
            _s.webhook_id.in_(list(ids)),
            sa.or_(_s.expires_at.is_(None), _s.expires_at > sa.func.now()),
        )
        .order_by(_s.id)
    )
    found = defaultdict[int, tuple[SecretNote, ...]](tuple)
    for row in connection.execute(query):
        found[row.webhook_id] += (SecretNote(row.created_at, row.expires_at),)
    return found


def _webhook(row: Row[Any], notes: Mapping[int, tuple[SecretNote, ...]]) -> Webhook:
    return Webhook(
        id=row.id,
        repository=row.name,
        hook=Hook(ForgeKind(row.kind), row.heard_at, row.silent_at),
        address=row.address,
        created_by=row.created_by,
        created_at=row.created_at,
        secrets=notes.get(row.id, ()),
    )


def _addressee(rows: list[Row[Any]]) -> Addressee:
    row = rows[0]
    return Addressee(
        webhook_id=row.id,
        kind=ForgeKind(row.kind),
        address=row.address,
        remote=row.remote,
        repository_id=row.repository_id,
        repository=row.name,
        ref=Ref(RefKind(row.ref_kind), row.ref),
        is_suspended=row.is_suspended,
        checks_pulls=row.options.get("pull_requests", True) is True,
        secrets=tuple(bytes(one.ciphertext) for one in rows),
    )


def _telling(row: Row[Any]) -> Telling:
    return Telling(row.repository_id, ForgeKind(row.kind))
