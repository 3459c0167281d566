"""The declarative file: what it said when it was last good, and what is wrong with it now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.finding import Finding


@dataclass(frozen=True, slots=True)
class StoredDeclaration:
    """What is known of the file.

    `text`, `digest` and `applied_at` are of the last good one, None before the first. `places` is
    repository name → `file:line:column` there. `findings` are about the one that was seen last.
    """

    path: str
    text: str | None
    digest: str | None
    places: Mapping[str, str]
    applied_at: datetime | None
    seen_digest: str | None
    seen_at: datetime | None
    findings: tuple[Finding, ...]
    removals_allowed: str | None
    adopted: frozenset[str]


def find_declaration(connection: Connection) -> StoredDeclaration | None:
    """What is known of the file; None where none was ever seen."""
    row = connection.execute(sa.select(t.declaration)).one_or_none()
    if row is None:
        return None
    return StoredDeclaration(
        path=row.path,
        text=row.text,
        digest=row.digest,
        places=row.places,
        applied_at=row.applied_at,
        seen_digest=row.seen_digest,
        seen_at=row.seen_at,
        findings=tuple(Finding.from_json(one) for one in row.findings),
        removals_allowed=row.removals_allowed,
        adopted=frozenset(row.adopted),
    )


def claim_declaration(
    connection: Connection, path: str, digest: str, *, again_after: timedelta
) -> bool:
    """Take the work of applying a file; False where it is applied, or another worker is at it.

    A file that was refused, or whose worker died, can be taken again after `again_after`.
    """
    columns = t.declaration.c
    taken = insert(t.declaration).values(id=1, path=path, seen_digest=digest, seen_at=sa.func.now())
    is_old = columns.seen_at < sa.func.now() - again_after
    is_unapplied = columns.digest.is_distinct_from(digest)
    query = taken.on_conflict_do_update(
        index_elements=["id"],
        set_={"path": path, "seen_digest": digest, "seen_at": sa.func.now()},
        where=sa.or_(columns.seen_digest.is_distinct_from(digest), sa.and_(is_unapplied, is_old)),
    )
    return connection.execute(query.returning(columns.id)).one_or_none() is not None


def forget_refused(connection: Connection) -> None:
    """Forget a file that never was in force."""
    connection.execute(sa.delete(t.declaration).where(t.declaration.c.digest.is_(None)))


def lock_registrations(connection: Connection, digest: str) -> bool:
    """Let nobody else change an environment, a policy, a repository or what is known of the file
    until the transaction ends; False where another file was seen since this one was claimed."""
    environments = sa.select(t.environment.c.id).order_by(t.environment.c.id)
    repositories = sa.select(t.repository.c.id).order_by(t.repository.c.id)
    there = repositories.where(t.repository.c.removed_at.is_(None))
    policies = sa.select(t.policy.c.name).order_by(t.policy.c.name)
    for query in (environments, policies, there):  # in the order in which others lock them
        connection.execute(query.with_for_update(key_share=True))
    seen = sa.select(t.declaration.c.seen_digest).with_for_update()
    return bool(connection.execute(seen).scalar_one_or_none() == digest)


def record_refused(connection: Connection, digest: str, findings: Collection[Finding]) -> None:
    """Note what is wrong with the file that is there; what is applied stays."""
    query = sa.update(t.declaration).where(t.declaration.c.seen_digest == digest)
    connection.execute(query.values(findings=[one.to_json() for one in findings]))


def record_applied(
    connection: Connection, digest: str, text: str, places: Mapping[str, str]
) -> None:
    """Note that this text is in force, and forget what was wrong before."""
    query = sa.update(t.declaration).where(t.declaration.c.seen_digest == digest)
    connection.execute(
        query.values(
            text=text,
            digest=digest,
            places=dict(places),
            applied_at=sa.func.now(),
            findings=[],
            removals_allowed=None,
            adopted=[],
        )
    )


def try_again(connection: Connection, *, may_remove: bool) -> None:
    """Have the file that was seen last tried at once; `may_remove` lets that one remove as much as
    it wants."""
    columns = t.declaration.c
    if may_remove:
        connection.execute(sa.update(t.declaration).values(removals_allowed=columns.seen_digest))
    _try_at_once(connection)


def adopt(connection: Connection, names: Collection[str]) -> None:
    """Let the file take these repositories over, and have it tried at once."""
    row = connection.execute(sa.select(t.declaration.c.adopted)).one_or_none()
    adopted = sorted({*(row.adopted if row else ()), *names})
    connection.execute(sa.update(t.declaration).values(adopted=adopted))
    _try_at_once(connection)


def _try_at_once(connection: Connection) -> None:
    long_ago = sa.func.now() - timedelta(days=1)
    connection.execute(sa.update(t.declaration).values(seen_at=long_ago))
