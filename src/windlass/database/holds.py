"""Holds of repositories: while one is open, nothing is deployed automatically."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.hold import Hold, HoldId, HoldKind
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class PastHold:
    """A hold and how it ended; all None while it is open."""

    hold: Hold
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None


def open_hold(
    connection: Connection,
    repository_id: RepositoryId,
    kind: HoldKind,
    *,
    reason: str,
    actor: str,
    until_new_head: bool = False,
    expires_in: timedelta | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Hold | None:
    """Open a hold at the head that is known now; None where one of that kind is open already.

    The caller holds the repository's row (`hold_lease` or `end_lease`), so that no two open at
    once and no deployment passes unseen.
    """
    h = t.hold.c
    known = sa.select(h.id).where(h.repository_id == repository_id, h.kind == kind, _is_open())
    if connection.execute(known).first() is not None:
        return None
    head = sa.select(t.repository.c.noticed_revision).where(t.repository.c.id == repository_id)
    query = sa.insert(t.hold).values(
        repository_id=repository_id,
        kind=kind,
        reason=reason,
        actor=actor,
        head=head.scalar_subquery(),
        until_new_head=until_new_head,
        expires_at=None if expires_in is None else sa.func.now() + expires_in,
        facts=dict(facts or {}),
    )
    return _hold(connection.execute(query.returning(t.hold)).one())


def list_holds(connection: Connection, repository_id: RepositoryId) -> list[Hold]:
    """The open holds, oldest first."""
    return list_holds_of(connection, [repository_id]).get(repository_id, [])


def list_holds_of(
    connection: Connection, ids: Collection[RepositoryId]
) -> dict[RepositoryId, list[Hold]]:
    """The open holds of each repository that has one, oldest first."""
    found: dict[RepositoryId, list[Hold]] = {}
    query = sa.select(t.hold).where(t.hold.c.repository_id.in_(ids), _is_open())
    for row in connection.execute(query.order_by(t.hold.c.id)):
        found.setdefault(row.repository_id, []).append(_hold(row))
    return found


def list_past_holds(
    connection: Connection, repository_id: RepositoryId, limit: int
) -> list[PastHold]:
    """The newest holds, open and ended, newest first."""
    query = sa.select(t.hold).where(t.hold.c.repository_id == repository_id)
    rows = connection.execute(query.order_by(t.hold.c.id.desc()).limit(limit))
    return [PastHold(_hold(row), row.ended_at, row.ended_by, row.end_reason) for row in rows]


def end_holds(
    connection: Connection, ids: Collection[HoldId], *, actor: str, reason: str
) -> list[Hold]:
    """End these holds; the ones that were open until now."""
    query = (
        sa.update(t.hold)
        .where(t.hold.c.id.in_(ids), _is_open())
        .values(ended_at=sa.func.clock_timestamp(), ended_by=actor, end_reason=reason)
        .returning(t.hold)
    )
    return [_hold(row) for row in connection.execute(query)]


def claim_expired(connection: Connection, limit: int) -> list[tuple[RepositoryId, Hold]]:
    """Open holds that have lasted longer than they were meant to, each given once."""
    due = (
        sa.select(t.hold.c.id)
        .where(_is_open(), t.hold.c.expires_at <= sa.func.now(), t.hold.c.told_at.is_(None))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    query = sa.update(t.hold).where(t.hold.c.id.in_(due)).values(told_at=sa.func.now())
    rows = connection.execute(query.returning(t.hold))
    return [(RepositoryId(row.repository_id), _hold(row)) for row in rows]


@dataclass(frozen=True, slots=True)
class RunsHold:
    """An open hold that waits for runs of these DAGs to end. `is_unknown`: it was not known whether
    there are any."""

    id: HoldId
    repository_id: RepositoryId
    environment: str
    dag_ids: tuple[str, ...]
    age: timedelta
    is_unknown: bool


def list_runs_holds(connection: Connection) -> list[RunsHold]:
    """The open holds for moved files, of all repositories."""
    h = t.hold.c
    query = (
        sa.select(
            h.id,
            h.repository_id,
            t.environment.c.name,
            h.facts["dag_ids"],
            sa.func.now() - h.created_at,
            h.reason.startswith(UNKNOWN),
        )
        .join(t.repository, t.repository.c.id == h.repository_id)
        .join(t.environment, t.environment.c.id == t.repository.c.environment_id)
        .where(h.kind == HoldKind.MOVED_FILES, _is_open())
        .order_by(h.id)
    )
    return [
        RunsHold(HoldId(row[0]), RepositoryId(row[1]), row[2], tuple(row[3] or ()), *row[4:])
        for row in connection.execute(query)
    ]


def overridden_moves(
    connection: Connection, repository_id: RepositoryId, revision: str
) -> frozenset[str]:
    """The dag_ids that holds for files which this revision moved had named when they were ended
    although runs may go on: by a person, or because nobody could say. That is good for the next
    deployment of the repository, and for no later one."""
    h, d = t.hold.c, t.deployment.c
    is_used = sa.exists().where(d.repository_id == h.repository_id, d.created_at > h.ended_at)
    query = sa.select(h.facts["dag_ids"]).where(
        h.repository_id == repository_id,
        h.kind == HoldKind.MOVED_FILES,
        h.facts["revision"].astext == revision,
        h.ended_at.is_not(None),
        sa.or_(h.ended_by != "windlass", h.end_reason == UNKNOWN),
        ~is_used,
    )
    named = connection.execute(query).scalars()
    return frozenset(dag_id for dag_ids in named for dag_id in dag_ids or ())


UNKNOWN = "Airflow did not say whether runs are in flight"
"""The end of a hold that nobody could judge."""


def _is_open() -> sa.ColumnElement[bool]:
    return t.hold.c.ended_at.is_(None)


def _hold(row: Row[tuple[object, ...]]) -> Hold:
    return Hold(
        id=row.id,
        kind=HoldKind(row.kind),
        reason=row.reason,
        actor=row.actor,
        head=row.head,
        until_new_head=row.until_new_head,
        expires_at=row.expires_at,
        created_at=row.created_at,
    )
