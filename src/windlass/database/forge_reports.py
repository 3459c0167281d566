"""What Git hosts are to be told, and how far that came: one row for each thing that they show.

A row says what the host should show, not what happened: two changes in a row are told as one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.options import Report
from windlass.domain.repository import RepositoryId

_f, _r = t.forge_report.c, t.repository.c
HELD = timedelta(minutes=5)
"""How long one process has a report for itself; should it die over it, another one takes it."""


@dataclass(frozen=True, slots=True)
class DueReport:
    """Something that a host is to be told now. `tries` failed before; `age` is since it was wanted
    so; `host_id` is the host's name for what it shows, None where it shows nothing so far."""

    id: int
    repository_id: RepositoryId
    kind: Report
    subject: str
    wanted: Mapping[str, Any]
    host_id: str | None
    tries: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class ToldReport:
    """How far a report came. `next_at` None: it was told, or given up where `problem` says why."""

    kind: Report
    subject: str
    wanted: Mapping[str, Any]
    posted_at: datetime | None
    next_at: datetime | None
    problem: str


def want_report(
    connection: Connection,
    repository_id: RepositoryId,
    kind: Report,
    subject: str,
    wanted: Mapping[str, Any],
) -> None:
    """Have the host show this. Nothing follows where it does already, or will."""
    query = insert(t.forge_report).values(
        repository_id=repository_id,
        kind=kind,
        subject=subject,
        wanted=dict(wanted),
        next_at=sa.func.now(),
    )
    anew = {"next_at": sa.func.now(), "tries": 0, "changed_at": sa.func.now(), "problem": ""}
    connection.execute(
        query.on_conflict_do_update(
            index_elements=["repository_id", "kind", "subject"],
            set_={"wanted": query.excluded.wanted, **anew},
            where=_f.wanted != query.excluded.wanted,
        )
    )


def claim_due(connection: Connection, limit: int) -> list[DueReport]:
    """Reports that are due, for this process alone for a while; the oldest first. None of a
    repository that is being removed."""
    due = (
        sa.select(_f.id)
        .join(t.repository, _r.id == _f.repository_id)
        .where(_f.next_at <= sa.func.now(), _r.removing_at.is_(None))
        .order_by(_f.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=t.forge_report)
    )
    query = sa.update(t.forge_report).where(_f.id.in_(due)).values(next_at=sa.func.now() + HELD)
    age = (sa.func.now() - _f.changed_at).label("age")
    names = ("id", "repository_id", "kind", "subject", "wanted", "host_id", "tries")
    rows = connection.execute(query.returning(*(_f[name] for name in names), age))
    found = [DueReport(**{**row._asdict(), "kind": Report(row.kind)}) for row in rows]
    return sorted(found, key=lambda one: one.id)


def finish_report(connection: Connection, due: DueReport, host_id: str | None) -> None:
    """The host shows what was wanted; what is wanted otherwise since then stays due."""
    is_same = _f.wanted == sa.literal(dict(due.wanted), t.forge_report.c.wanted.type)
    query = sa.update(t.forge_report).where(_f.id == due.id)
    told = {"posted": dict(due.wanted), "host_id": host_id, "posted_at": sa.func.now()}
    connection.execute(query.values(told))
    connection.execute(query.where(is_same).values(next_at=None, tries=0, problem=""))


def put_off_report(
    connection: Connection, due: DueReport, wait_s: float | None, problem: str
) -> None:
    """Try again after so many seconds; None gives it up until something else is wanted."""
    is_same = _f.wanted == sa.literal(dict(due.wanted), t.forge_report.c.wanted.type)
    later = None if wait_s is None else sa.func.now() + timedelta(seconds=wait_s)
    query = sa.update(t.forge_report).where(_f.id == due.id, is_same)
    connection.execute(query.values(next_at=later, tries=due.tries + 1, problem=problem))


def is_known_problem(connection: Connection, due: DueReport, code: str) -> bool:
    """Whether the newest report of the kind before this one has the same problem, or this has."""
    query = (
        sa.select(_f.problem)
        .where(_f.repository_id == due.repository_id, _f.kind == due.kind, _f.problem != "")
        .order_by(_f.changed_at.desc())
        .limit(1)
    )
    known = connection.execute(query).scalar_one_or_none()
    return known is not None and known.startswith(f"{code} ")


def untold(connection: Connection, ids: Collection[RepositoryId]) -> dict[RepositoryId, str]:
    """Why the hosts of these repositories are not told, of the newest that each was to be told;
    those that are told are not among them."""
    place = sa.func.row_number().over(
        partition_by=(_f.repository_id, _f.kind), order_by=(_f.changed_at.desc(), _f.id.desc())
    )
    mine = _f.repository_id.in_(list(ids))
    newest = sa.select(_f.repository_id, _f.problem, place.label("place")).where(mine).subquery()
    query = sa.select(newest).where(newest.c.place == 1, newest.c.problem != "")
    return {row.repository_id: row.problem for row in connection.execute(query)}


def list_reports(
    connection: Connection, repository_id: RepositoryId, limit: int
) -> list[ToldReport]:
    """What the host of a repository was to be told, the newest first."""
    names = ("kind", "subject", "wanted", "posted_at", "next_at", "problem")
    query = sa.select(*(_f[name] for name in names)).where(_f.repository_id == repository_id)
    rows = connection.execute(query.order_by(_f.changed_at.desc(), _f.id.desc()).limit(limit))
    return [ToldReport(**{**row._asdict(), "kind": Report(row.kind)}) for row in rows]
