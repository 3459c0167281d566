"""Who owns which dag_id: one repository per environment and id, the incumbent first."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import Conflict
from windlass.domain.repository import Repository


def lock_claims(connection: Connection, repository: Repository) -> None:
    """Let nobody else read or change the claims of the environment until the transaction ends.

    Call it first in a transaction that judges or claims ids, before the repository's row is locked:
    without it, an id could be given up between the look at it and the verdict about it, and nobody
    would judge the denied repository again.
    """
    query = sa.select(t.environment.c.id).where(t.environment.c.name == repository.environment)
    connection.execute(query.with_for_update(key_share=True))


def owners_of(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, str]:
    """dag_id → the other repository of the same environment that owns it, for those that have
    one."""
    query = (
        sa.select(t.dag_claim.c.dag_id, t.repository.c.name)
        .join(t.repository, t.repository.c.id == t.dag_claim.c.repository_id)
        .join(t.environment, t.environment.c.id == t.dag_claim.c.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            t.dag_claim.c.dag_id == sa.func.any(_array(dag_ids)),
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
    taken = owners_of(connection, repository, dag_ids)
    if taken:
        dag_id, owner = min(taken.items())
        raise Conflict(
            "DEP002",
            f"the dag_id {dag_id!r} belongs to the repository {owner!r}",
            "Give the DAG another id, or remove it there first.",
        )
    given_up = sa.delete(t.dag_claim).where(
        t.dag_claim.c.repository_id == repository.id,
        t.dag_claim.c.dag_id != sa.func.all(_array(dag_ids)),
    )
    if connection.execute(given_up).rowcount:
        _judge_denied_again(connection, repository)
    wanted = sa.func.unnest(_array(dag_ids)).table_valued("dag_id", name="wanted").render_derived()
    rows = (
        sa.select(t.repository.c.environment_id, wanted.c.dag_id, t.repository.c.id)
        .select_from(t.repository.join(wanted, sa.true()))
        .where(t.repository.c.id == repository.id)
    )
    columns = ["environment_id", "dag_id", "repository_id"]
    connection.execute(insert(t.dag_claim).from_select(columns, rows).on_conflict_do_nothing())


def _array(dag_ids: Collection[str]) -> sa.ColumnElement[Any]:
    """One parameter for any number of ids: a statement can have 65,535 at the most."""
    text_array: Any = ARRAY(sa.Text)
    return sa.literal(sorted(dag_ids), text_array)


def _judge_denied_again(connection: Connection, repository: Repository) -> None:
    environment_id = (
        sa.select(t.repository.c.environment_id)
        .where(t.repository.c.id == repository.id)
        .scalar_subquery()
    )
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
            t.repository.c.environment_id == environment_id,
            t.repository.c.id != repository.id,
            newest.is_(False),
        )
        .values(settled_revision=None, settled_inputs=None, next_poll_at=sa.func.now())
    )
