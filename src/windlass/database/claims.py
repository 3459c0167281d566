"""Who owns which dag_id: one repository per environment and id, the incumbent first."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import Conflict
from windlass.domain.ownership import Claimant
from windlass.domain.repository import Repository, RepositoryId


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
) -> dict[str, Claimant]:
    """dag_id → the other repository of the same environment that owns it, for those that have
    one."""
    return _others(connection, repository, set(dag_ids) - own_ids(connection, repository))


def own_ids(connection: Connection, repository: Repository) -> set[str]:
    """What the repository owns there, in one row: 20,000 ids take 3 ms so, and 13 ms in rows of
    their own. Most releases change none of them."""
    query = (
        sa.select(sa.func.json_agg(t.dag_claim.c.dag_id))
        .join(t.environment, t.environment.c.id == t.dag_claim.c.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            t.dag_claim.c.repository_id == repository.id,
        )
    )
    return set(connection.execute(query).scalar_one() or ())


def _others(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, Claimant]:
    if not dag_ids:
        return {}
    query = (
        sa.select(t.dag_claim.c.dag_id, t.repository.c.name)
        .join(t.repository, t.repository.c.id == t.dag_claim.c.repository_id)
        .join(t.environment, t.environment.c.id == t.dag_claim.c.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            t.dag_claim.c.dag_id == sa.func.any(text_array(dag_ids)),
            t.dag_claim.c.repository_id != repository.id,
        )
    )
    found = {row.dag_id: Claimant(row.name) for row in connection.execute(query)}
    if prefixes := _other_prefixes(connection, repository):
        for dag_id in set(dag_ids) - found.keys():
            for prefix, name in prefixes.items():
                if dag_id.startswith(prefix):
                    found[dag_id] = Claimant(name, prefix=prefix)
    return found


def _other_prefixes(connection: Connection, repository: Repository) -> dict[str, str]:
    """prefix → the other repository of the environment that owns it."""
    p = t.dag_prefix_claim.c
    query = (
        sa.select(p.prefix, t.repository.c.name)
        .join(t.repository, t.repository.c.id == p.repository_id)
        .join(t.environment, t.environment.c.id == p.environment_id)
        .where(t.environment.c.name == repository.environment, p.repository_id != repository.id)
    )
    return {row.prefix: row.name for row in connection.execute(query)}


def claim_prefixes(
    connection: Connection, repository: Repository, prefixes: Collection[str]
) -> None:
    """Make the repository the owner of exactly these prefixes of ids. Call `lock_claims` first.

    Raises Conflict DEP008 where one overlaps with another repository's prefix, or begins an id that
    another one owns.
    """
    others = _other_prefixes(connection, repository)
    for prefix in prefixes:
        _check_prefix(connection, repository, prefix, others)
    p, mine = t.dag_prefix_claim.c, t.dag_prefix_claim.c.repository_id == repository.id
    given_up = sa.delete(t.dag_prefix_claim).where(mine, p.prefix.not_in(list(prefixes)))
    if connection.execute(given_up).rowcount:
        judge_denied_again(connection, repository)
    environment_id = sa.select(t.environment.c.id).where(
        t.environment.c.name == repository.environment
    )
    for prefix in prefixes:
        row = {"prefix": prefix, "repository_id": repository.id}
        new = insert(t.dag_prefix_claim).values(
            environment_id=environment_id.scalar_subquery(), **row
        )
        connection.execute(new.on_conflict_do_nothing())


def _check_prefix(
    connection: Connection, repository: Repository, prefix: str, others: Mapping[str, str]
) -> None:
    remedy = "Choose another prefix, or change that one first."
    for theirs, name in others.items():
        if theirs.startswith(prefix) or prefix.startswith(theirs):
            raise Conflict(
                "DEP008",
                f"the prefix {prefix!r} of dag_ids overlaps with {theirs!r}, which is in the "
                f"option dag_id_prefixes of the repository {name!r}",
                remedy,
            )
    c, seen = t.dag_claim.c, t.observed_dag.c
    query = (
        sa.select(c.dag_id, t.repository.c.name, seen.path)
        .join(t.repository, t.repository.c.id == c.repository_id)
        .join(t.environment, t.environment.c.id == c.environment_id)
        .outerjoin(
            t.observed_dag,
            sa.and_(seen.environment_id == c.environment_id, seen.dag_id == c.dag_id),
        )
        .where(
            t.environment.c.name == repository.environment,
            c.repository_id != repository.id,
            sa.func.starts_with(c.dag_id, prefix),
        )
        .order_by(c.dag_id)
        .limit(1)
    )
    if taken := connection.execute(query).one_or_none():
        place = f" (its file {taken.path})" if taken.path else ""
        raise Conflict(
            "DEP008",
            f"the dag_id {taken.dag_id!r} of the repository {taken.name!r}{place} begins with the "
            f"prefix {prefix!r}",
            remedy,
        )


def claim(connection: Connection, repository: Repository, dag_ids: Collection[str]) -> None:
    """Make the repository the owner of exactly these ids.

    Raises Conflict DEP002 where another one owns some of them: two that race for an id are told
    apart here, by the row. Ids that are given up may be what another repository was denied for, so
    the denied ones of the environment are judged again at their next poll.
    """
    own, wanted_ids = own_ids(connection, repository), set(dag_ids)
    taken = _others(connection, repository, wanted_ids - own)
    if taken:
        dag_id = min(taken)
        owner = str(taken[dag_id])
        raise Conflict(
            "DEP002",
            f"the dag_id {dag_id!r} belongs to the repository {owner!r}",
            "Give the DAG another id, or remove it there first.",
        )
    if given_up := own - wanted_ids:
        mine = t.dag_claim.c.repository_id == repository.id
        gone = t.dag_claim.c.dag_id == sa.func.any(text_array(given_up))
        connection.execute(sa.delete(t.dag_claim).where(mine, gone))
        judge_denied_again(connection, repository)
    if new := wanted_ids - own:
        _add(connection, repository, new)


def _add(connection: Connection, repository: Repository, dag_ids: Collection[str]) -> None:
    wanted = (
        sa.func.unnest(text_array(sorted(dag_ids)))
        .table_valued("dag_id", name="wanted")
        .render_derived()
    )
    rows = (
        sa.select(t.repository.c.environment_id, wanted.c.dag_id, t.repository.c.id)
        .select_from(t.repository.join(wanted, sa.true()))
        .where(t.repository.c.id == repository.id)
    )
    columns = ["environment_id", "dag_id", "repository_id"]
    connection.execute(insert(t.dag_claim).from_select(columns, rows).on_conflict_do_nothing())


def claim_observed(
    connection: Connection, repository: Repository, dag_ids: Collection[str]
) -> dict[str, Claimant]:
    """Make the repository the owner of ids that Airflow was seen to have from it, beside what it
    owns; dag_id → owner of those that another repository owns. Call `lock_claims` first."""
    taken = owners_of(connection, repository, dag_ids)
    free = [dag_id for dag_id in dag_ids if dag_id not in taken]
    environment_id = sa.select(t.environment.c.id).where(
        t.environment.c.name == repository.environment
    )
    wanted = (
        sa.func.unnest(text_array(sorted(free)))
        .table_valued("dag_id", name="wanted")
        .render_derived()
    )
    rows = sa.select(
        environment_id.scalar_subquery(), wanted.c.dag_id, sa.literal(repository.id)
    ).select_from(wanted)
    columns = ["environment_id", "dag_id", "repository_id"]
    connection.execute(insert(t.dag_claim).from_select(columns, rows).on_conflict_do_nothing())
    return taken


def text_array(words: Collection[str]) -> sa.ColumnElement[Any]:
    """One parameter for any number of words, in their order: a statement can have 65,535 at the
    most, and 20,000 of them take 0.5 s to be put in."""
    array: Any = ARRAY(sa.Text)
    return sa.literal(list(words), array)


def judge_denied_again(connection: Connection, repository: Repository) -> None:
    """Have the denied repositories of the environment judged again at their next poll: what they
    were denied for may be free now."""
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


def count_claims(connection: Connection, repository_id: RepositoryId) -> int:
    """How many ids a repository owns."""
    query = sa.select(sa.func.count()).where(t.dag_claim.c.repository_id == repository_id)
    return int(connection.execute(query).scalar_one())
