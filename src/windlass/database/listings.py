"""What Airflow said of its connections, variables and pools."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.inventory import Listing
from windlass.domain.names import Kind


def list_listings(connection: Connection) -> dict[str, dict[Kind, Listing]]:
    """Environment → what was read of each kind; of those that were asked at least once."""
    row = t.listing.c
    query = sa.select(t.environment.c.name, row.kind, row.names, row.seen_at, row.problem).join(
        t.listing, row.environment_id == t.environment.c.id
    )
    found: dict[str, dict[Kind, Listing]] = {}
    for name, kind, names, seen_at, problem in connection.execute(query):
        seen = None if names is None else frozenset(names)
        found.setdefault(name, {})[Kind(kind)] = Listing(seen, seen_at, problem)
    return found


def stale_listings(
    connection: Connection, environments: Collection[str], older_than_s: float
) -> list[str]:
    """Those of the environments that were not asked for so long, or never."""
    since = sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, older_than_s)
    fresh = (
        sa.select(t.environment.c.name)
        .join(t.listing, t.listing.c.environment_id == t.environment.c.id)
        .group_by(t.environment.c.name)
        .having(sa.func.min(t.listing.c.asked_at) > since)
    )
    return sorted(set(environments) - set(connection.execute(fresh).scalars()))


def record_listings(
    connection: Connection, environment: str, found: Mapping[Kind, frozenset[str] | str]
) -> None:
    """Keep what was said of each kind: its names, or the problem; then the names of before stay."""
    owner = sa.select(t.environment.c.id).where(t.environment.c.name == environment)
    environment_id = connection.execute(owner).scalar_one_or_none()
    for kind, said in found.items() if environment_id is not None else ():
        values: dict[str, object] = {"asked_at": sa.func.now(), "problem": said}
        if not isinstance(said, str):
            values |= {"names": sorted(said), "seen_at": sa.func.now(), "problem": ""}
        query = insert(t.listing).values(environment_id=environment_id, kind=kind, **values)
        connection.execute(
            query.on_conflict_do_update(index_elements=["environment_id", "kind"], set_=values)
        )


def forget_listings(connection: Connection, environment: str) -> None:
    """Airflow is another one, or is not asked any more."""
    owner = sa.select(t.environment.c.id).where(t.environment.c.name == environment)
    query = sa.delete(t.listing).where(t.listing.c.environment_id.in_(owner))
    connection.execute(query)
