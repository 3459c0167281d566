"""Who owns which dag_id: one repository per environment and id, the incumbent first."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import Conflict
from windlass.domain.repository import Repository


def owners_of(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, str]:
    """dag_id → the other repository of the same environment that owns it, for those that have
    one."""
    query = (
        sa.select(t.dag_claim.c.dag_id, t.repository.c.name)
        .join(t.repository, t.repository.c.id == t.dag_claim.c.repository_id)
        .where(
            t.dag_claim.c.environment_id == _environment_id(repository),
            t.dag_claim.c.dag_id.in_(dag_ids),
            t.dag_claim.c.repository_id != repository.id,
        )
    )
    return {row.dag_id: row.name for row in connection.execute(query)}


def claim(connection: Connection, repository: Repository, dag_ids: Collection[str]) -> None:
    """Make the repository the owner of exactly these ids.

    Raises Conflict DEP002 where another one owns some of them: two that race for an id are told
    apart here, by the row. Ids that are given up may be what another repository was denied for, so
    the denied ones of the environment are judged again at their next poll.
    """
    mine = t.dag_claim.c.repository_id == repository.id
    given_up = sa.delete(t.dag_claim).where(mine, t.dag_claim.c.dag_id.not_in(dag_ids))
    if connection.execute(given_up).rowcount:
        _judge_denied_again(connection, repository)
    rows = [
        {"environment_id": _environment_id(repository), "dag_id": i, "repository_id": repository.id}
        for i in sorted(dag_ids)  # in one order, so that two claims cannot deadlock
    ]
    if rows:
        connection.execute(insert(t.dag_claim).values(rows).on_conflict_do_nothing())
    taken = owners_of(connection, repository, dag_ids)
    if taken:
        dag_id, owner = min(taken.items())
        raise Conflict(
            "DEP002",
            f"the dag_id {dag_id!r} belongs to the repository {owner!r}",
            "Give the DAG another id, or remove it there first.",
        )


def _environment_id(repository: Repository) -> sa.ScalarSelect[int]:
    query = sa.select(t.repository.c.environment_id).where(t.repository.c.id == repository.id)
    return query.scalar_subquery()


def _judge_denied_again(connection: Connection, repository: Repository) -> None:
    newest = (
        sa.select(t.verdict.c.allowed)
        .where(t.verdict.c.repository_id == t.repository.c.id)
        .order_by(t.verdict.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(
        sa.update(t.repository)
        .where(
            t.repository.c.environment_id == _environment_id(repository),
            t.repository.c.id != repository.id,
            newest.is_(False),
        )
        .values(settled_revision=None, settled_inputs=None, next_poll_at=sa.func.now())
    )
