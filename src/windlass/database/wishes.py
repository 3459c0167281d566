"""Who wants a dag_id that nobody owns: among such newcomers priority, then name, decides."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.claims import judge_denied_again, text_array
from windlass.domain.ownership import Claimant
from windlass.domain.repository import Repository


def record_wishes(
    connection: Connection, repository: Repository, wanted: Mapping[str, str]
) -> None:
    """Keep what an allowed revision wants and its repository does not own: dag_id → file.

    What it wanted before is forgotten; who was denied for that is judged again at its next poll.
    Call `lock_claims` first.
    """
    w = t.dag_wish.c
    mine = w.repository_id == repository.id
    still = sa.select(sa.func.unnest(text_array(wanted)))
    over = sa.delete(t.dag_wish).where(mine, w.dag_id.not_in(still))
    if connection.execute(over).rowcount:
        judge_denied_again(connection, repository)
    if not wanted:
        return
    new = (
        sa.func.unnest(text_array(wanted), text_array(wanted.values()))
        .table_valued("dag_id", "path", name="new")
        .render_derived()
    )
    rows = (
        sa.select(t.repository.c.environment_id, new.c.dag_id, t.repository.c.id, new.c.path)
        .select_from(t.repository.join(new, sa.true()))
        .where(t.repository.c.id == repository.id)
    )
    columns = ["environment_id", "dag_id", "repository_id", "path"]
    connection.execute(insert(t.dag_wish).from_select(columns, rows).on_conflict_do_nothing())


def rivals_of(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, Claimant]:
    """dag_id → who comes first for it, of those that another repository wants too and comes before
    this one: by higher priority, then by lower name. Call `lock_claims` first."""
    if not dag_ids:
        return {}
    w, r = t.dag_wish.c, t.repository.c
    query = (
        sa.select(w.dag_id, r.name, w.path)
        .join(t.repository, r.id == w.repository_id)
        .join(t.environment, t.environment.c.id == w.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            _comes_before(repository),
            _goes_on(),
        )
        .order_by(_priority().desc(), r.name)
    )
    found: dict[str, Claimant] = {}
    if connection.execute(query.limit(1)).first() is None:
        return found  # as nearly always, and then thousands of ids need not be sent
    for row in connection.execute(query.where(w.dag_id == sa.func.any(text_array(dag_ids)))):
        found.setdefault(row.dag_id, Claimant(row.name, row.path, owns=False))
    return found


def first_syncs_before(
    connection: Connection, repository: Repository, within_s: float
) -> list[str]:
    """The names of repositories of the environment that come before this one and were added within
    so many seconds, and that nothing is known of yet: neither judged nor failed."""
    r = t.repository.c
    judged = sa.exists().where(t.verdict.c.repository_id == r.id)
    age = sa.func.make_interval(0, 0, 0, 0, 0, 0, within_s)
    query = (
        sa.select(r.name)
        .join(t.environment, t.environment.c.id == r.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            _comes_before(repository),
            _goes_on(),
            r.failures == 0,
            r.created_at > sa.func.now() - age,
            ~judged,
        )
        .order_by(r.name)
    )
    return list(connection.execute(query).scalars())


def _priority() -> sa.ColumnElement[int]:
    return sa.func.coalesce(t.repository.c.options["priority"].as_integer(), 0)


def _comes_before(repository: Repository) -> sa.ColumnElement[bool]:
    priority = repository.options.priority
    same = sa.and_(_priority() == priority, t.repository.c.name < repository.name)
    return sa.and_(t.repository.c.id != repository.id, sa.or_(_priority() > priority, same))


def _goes_on() -> sa.ColumnElement[bool]:
    """Neither suspended nor on its way out."""
    return sa.and_(t.repository.c.suspended_at.is_(None), t.repository.c.removing_at.is_(None))
