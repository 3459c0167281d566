"""What was found in the store's folders and is nobody's: kept so that it is told once."""

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t


def list_bundle_names(connection: Connection) -> dict[str, set[str]]:
    """Environment → the names of all its bundles, bound or not."""
    query = sa.select(t.environment.c.name, t.bundle.c.name.label("bundle")).join(
        t.bundle, t.bundle.c.environment_id == t.environment.c.id
    )
    found: dict[str, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.name, set()).add(row.bundle)
    return found


def stored_strangers(connection: Connection) -> list[str]:
    """The paths below the store, in order."""
    return list(
        connection.execute(sa.select(t.stranger.c.path).order_by(t.stranger.c.path)).scalars()
    )


def record_strangers(connection: Connection, found: Collection[str]) -> tuple[list[str], list[str]]:
    """Keep exactly these paths; those that are news, and those that are gone."""
    path = t.stranger.c.path
    news: list[str] = []
    if found:
        rows = [{"path": one} for one in found]
        put = insert(t.stranger).values(rows).on_conflict_do_nothing().returning(path)
        news = sorted(connection.execute(put).scalars())
    gone = sa.delete(t.stranger).where(path.not_in(list(found))).returning(path)
    return news, sorted(connection.execute(gone).scalars())
