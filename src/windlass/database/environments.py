"""Environments: what is declared of each Airflow, and its pool of bundles."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.credentials import drop_credential
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import NotFound
from windlass.domain.nearest import suggest
from windlass.domain.repository import Owner

REMOVED = "removed"


def list_environments(connection: Connection) -> list[Environment]:
    """All environments, by name."""
    query = _select().where(is_there()).order_by(t.environment.c.name)
    return [_environment(row) for row in connection.execute(query)]


def get_environment(connection: Connection, name: str) -> Environment:
    """The environment of that name; NotFound ENV002 names the ones there are."""
    row = connection.execute(_select().where(t.environment.c.name == name)).one_or_none()
    if row is None:
        known = [one.name for one in list_environments(connection)]
        hint = suggest(name, known, "There are")
        raise NotFound("ENV002", f"no environment is named {name!r}", hint)
    return _environment(row)


def put_environment(connection: Connection, wanted: Environment, uuid: str) -> None:
    """Store an environment and its pool, or change the one of that name to this.

    `uuid` is used only where it is new. Bundles that are there stay, bound or not; those that the
    pool does not have yet are added.
    """
    credential_id = sa.select(t.credential.c.id).where(t.credential.c.name == wanted.credential)
    values = {
        "owner": wanted.owner,
        "target": wanted.target,
        "airflow_url": wanted.airflow_url,
        "airflow_username": wanted.airflow_username,
        "credential_id": connection.execute(credential_id).scalar_one_or_none(),
        "interpreter": wanted.interpreter,
        "options": wanted.options_to_json(),
    }
    query = insert(t.environment).values(name=wanted.name, uuid=uuid, **values)
    # Another address may lead to another Airflow: which one, it tells when it is asked next.
    is_there_still = t.environment.c.airflow_url.is_not_distinct_from(query.excluded.airflow_url)
    known = {
        "airflow_id": sa.case((is_there_still, t.environment.c.airflow_id)),
        "airflow_refused": sa.case((is_there_still, t.environment.c.airflow_refused)),
        "next_look_at": sa.case(
            (is_there_still, t.environment.c.next_look_at), else_=sa.func.now()
        ),
    }
    upsert = query.on_conflict_do_update(index_elements=["name"], set_=values | known)
    environment_id = connection.execute(upsert.returning(t.environment.c.id)).scalar_one()
    rows = [
        {"environment_id": environment_id, "name": name, "team": team}
        for name, team in wanted.pool.items()
        if wanted.target is Target.BUNDLE  # a folder has room for all
    ]
    if rows:
        connection.execute(insert(t.bundle).values(rows).on_conflict_do_nothing())


def count_bundles(connection: Connection, name: str) -> tuple[int, int]:
    """How many bundles of the environment are bound or not yet free again, and how many it has."""
    b = t.bundle.c
    used = sa.or_(b.repository_id.is_not(None), b.draining_at.is_not(None))
    query = (
        sa.select(sa.func.count().filter(used), sa.func.count())
        .select_from(t.bundle.join(t.environment, t.environment.c.id == b.environment_id))
        .where(t.environment.c.name == name)
    )
    bound, total = connection.execute(query).one()
    return bound, total


def lock_environment(connection: Connection, name: str) -> list[str]:
    """Let no repository be added to an environment until the transaction ends; the names of those
    that are in it."""
    e, r = t.environment.c, t.repository.c
    connection.execute(sa.select(e.id).where(e.name == name).with_for_update())
    query = sa.select(r.name).join(t.environment, e.id == r.environment_id)
    mine = query.where(e.name == name, r.removed_at.is_(None)).order_by(r.name)
    return list(connection.execute(mine).scalars())


def remove_environment(connection: Connection, name: str) -> None:
    """Remove an environment that no repository is in, with its pool and its credential.

    Where repositories were in it, its row stays for their history, by a name that none can have.
    """
    e, r = t.environment.c, t.repository.c
    found = sa.select(e.id, e.credential_id).where(e.name == name)
    environment_id, credential_id = connection.execute(found).one()
    for table in (t.bundle, t.listing):
        connection.execute(sa.delete(table).where(table.c.environment_id == environment_id))
    mine = e.id == environment_id
    has_history = sa.select(sa.exists().where(r.environment_id == environment_id))
    if connection.execute(has_history).scalar():
        gone = {
            "name": f"{name} (removed {environment_id})",
            "owner": Owner.API,
            "airflow_url": None,
            "airflow_id": None,
            "credential_id": None,
            "options": {REMOVED: True},
        }
        connection.execute(sa.update(t.environment).where(mine).values(**gone))
    else:
        connection.execute(sa.delete(t.environment).where(mine))
    if credential_id is not None:
        drop_credential(connection, credential_id)


def is_there() -> sa.ColumnElement[bool]:
    """Removed environments keep their rows, for the history of their repositories."""
    is_removed: sa.ColumnElement[bool] = t.environment.c.options.has_key(REMOVED)
    return ~is_removed


def disown_environment(connection: Connection, name: str) -> None:
    """Leave an environment to the API: the file does not declare it any more."""
    query = sa.update(t.environment).where(t.environment.c.name == name)
    connection.execute(query.values(owner=Owner.API))


def _select() -> sa.Select[tuple[object, ...]]:
    return sa.select(t.environment, t.credential.c.name.label("credential")).outerjoin(
        t.credential, t.credential.c.id == t.environment.c.credential_id
    )


def _environment(row: Row[tuple[object, ...]]) -> Environment:
    return Environment(
        name=row.name,
        target=Target(row.target),
        airflow_url=row.airflow_url,
        airflow_username=row.airflow_username,
        credential=row.credential,
        interpreter=row.interpreter,
        owner=Owner(row.owner),
    ).with_options(row.options)
