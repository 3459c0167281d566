"""Release policies and waivers."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONPATH, insert
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.polls import in_seconds
from windlass.domain.errors import NotFound
from windlass.domain.policies import PolicyBook
from windlass.domain.policy import Policy
from windlass.domain.repository import Owner
from windlass.domain.waiver import Waiver, WaiverId

_POLLED_PER_S = 100
_POLLED_AFTER_S = 1
"""Longer than a process remembers policies (engine/ruling.py)."""


def load_book(connection: Connection) -> PolicyBook:
    """Every policy, and every waiver that was not ended; some of those may have expired."""
    return PolicyBook(
        tuple(policy for policy, _ in list_policies(connection)),
        tuple(list_waivers(connection)),
    )


def list_policies(connection: Connection) -> list[tuple[Policy, Owner]]:
    """Every policy with who owns it, by name."""
    rows = connection.execute(sa.select(t.policy).order_by(t.policy.c.name))
    return [(Policy.from_json(row.name, row.document), Owner(row.owner)) for row in rows]


def put_policy(connection: Connection, policy: Policy, owner: Owner) -> None:
    """Add a policy, or put it in the place of the one with its name."""
    values = {"document": policy.to_json(), "owner": owner, "changed_at": sa.func.now()}
    query = insert(t.policy).values(name=policy.name, **values)
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))


def delete_policy(connection: Connection, name: str) -> None:
    """Take a policy away."""
    connection.execute(sa.delete(t.policy).where(t.policy.c.name == name))


def judge_all_again(connection: Connection) -> None:
    """Have every repository polled in a moment, a hundred a second: the poll sees that what judges
    it has changed."""
    there = t.repository.c.removed_at.is_(None)
    count = sa.select(sa.func.count()).select_from(t.repository).where(there).scalar_subquery()
    soon = in_seconds(_POLLED_AFTER_S + sa.func.random() * count / _POLLED_PER_S)
    connection.execute(
        sa.update(t.repository)
        .where(there)
        .values(next_poll_at=sa.func.least(t.repository.c.next_poll_at, soon))
    )


def add_waiver(connection: Connection, given: Waiver) -> Waiver:
    """Store a waiver; the same with its id."""
    query = sa.insert(t.waiver).values(
        rule=given.rule,
        path=given.path,
        repository=given.repository,
        fingerprint=given.fingerprint,
        reason=given.reason,
        actor=given.actor,
        until=given.until,
    )
    row = connection.execute(query.returning(t.waiver)).one()
    return _waiver(row)


def list_waivers(connection: Connection) -> list[Waiver]:
    """Every waiver that was not ended, by id; also those that expired."""
    columns = t.waiver.c
    query = sa.select(t.waiver).where(columns.ended_at.is_(None)).order_by(columns.id)
    return [_waiver(row) for row in connection.execute(query)]


def end_waiver(connection: Connection, waiver_id: WaiverId, actor: str, reason: str) -> Waiver:
    """End a waiver before its time; NotFound POL010 where none of that number holds."""
    columns = t.waiver.c
    query = (
        sa.update(t.waiver)
        .where(columns.id == waiver_id, columns.ended_at.is_(None))
        .values(ended_at=sa.func.now(), ended_by=actor, end_reason=reason)
        .returning(t.waiver)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        hint = "See those that hold: windlass finding waivers"
        raise NotFound("POL010", f"there is no waiver {waiver_id}", hint)
    return _waiver(row)


def claim_expiring(connection: Connection, until: date) -> list[Waiver]:
    """Waivers that end by that day and were not told of yet; they count as told now."""
    columns = t.waiver.c
    query = (
        sa.update(t.waiver)
        .where(columns.ended_at.is_(None), columns.told_at.is_(None), columns.until <= until)
        .values(told_at=sa.func.now())
        .returning(t.waiver)
    )
    return [_waiver(row) for row in connection.execute(query)]


def unsettle_expired_comments(connection: Connection, day: date) -> int:
    """Have those judged again whose newest verdict lets findings pass for comments that have
    expired since; how many."""
    newest = (
        sa.select(t.verdict.c.findings)
        .where(t.verdict.c.repository_id == t.repository.c.id)
        .order_by(t.verdict.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    has_expired = sa.func.jsonb_path_exists(
        newest.c.findings,
        sa.cast('$[*].excused ? (@.kind == "inline" && @.until < $day)', JSONPATH),
        sa.func.jsonb_build_object("day", day.isoformat()),
    )
    joined = sa.select(t.repository.c.id).select_from(t.repository).join(newest, sa.true())
    expired = joined.where(has_expired)
    found = connection.execute(
        sa.update(t.repository)
        .where(
            t.repository.c.id.in_(expired),
            t.repository.c.removed_at.is_(None),
            t.repository.c.settled_inputs.is_not(None),
        )
        .values(settled_revision=None, settled_inputs=None, next_poll_at=sa.func.now())
    )
    return found.rowcount


def _waiver(row: Row[Any]) -> Waiver:
    return Waiver(
        id=WaiverId(row.id),
        rule=row.rule,
        path=row.path,
        repository=row.repository,
        fingerprint=row.fingerprint,
        reason=row.reason,
        actor=row.actor,
        until=row.until,
    )
