"""The audit's rows: appended in a chain, read in order. A trigger refuses everything else."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.connection import at_commit
from windlass.domain.audit import AuditEntry, AuditRow, Head, link

_LOCK_KEY = 0x41554449  # "AUDI"
_PAGE = 1000


def append_audit(connection: Connection, entry: AuditEntry) -> None:
    """Append the entry as the last thing that this transaction does, or not at all if it fails.

    The chain has one end, so the end is locked: from just before the commit to the commit. Taken
    last, the lock cannot be part of a deadlock.
    """
    at_commit(connection, lambda: _append(connection, entry))


def find_audit_head(connection: Connection) -> Head | None:
    """The newest row; None before the first."""
    columns = t.audit.c
    query = sa.select(columns.id, columns.digest).order_by(columns.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Head(row.id, row.digest) if row else None


def list_audit(connection: Connection, *, after: int = 0, limit: int) -> list[AuditRow]:
    """The first `limit` rows with an id above `after`, in their order."""
    columns = t.audit.c
    query = sa.select(t.audit).where(columns.id > after).order_by(columns.id).limit(limit)
    return [AuditRow(**row._asdict()) for row in connection.execute(query)]


def list_newest_audit(
    connection: Connection, *, before: int | None = None, subject: str | None = None, limit: int
) -> list[AuditRow]:
    """The last `limit` rows with an id below `before`, newest first; None means no bound."""
    columns = t.audit.c
    query = sa.select(t.audit).order_by(columns.id.desc()).limit(limit)
    if before is not None:
        query = query.where(columns.id < before)
    if subject is not None:
        query = query.where(columns.subject == subject)
    return [AuditRow(**row._asdict()) for row in connection.execute(query)]


def walk_audit(connection: Connection) -> Iterator[AuditRow]:
    """All rows in their order, a page at a time."""
    last = 0
    while page := list_audit(connection, after=last, limit=_PAGE):
        yield from page
        last = page[-1].id


def _append(connection: Connection, entry: AuditEntry) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
    at = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    row = link(find_audit_head(connection), entry, at)
    values = {name: getattr(row, name) for name in t.audit.c.keys()}  # noqa: SIM118  # no mapping
    connection.execute(sa.insert(t.audit).values(**values))
