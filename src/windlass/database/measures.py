"""The numbers of all workers, and those that the tables tell: what one scrape shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.measures import Series


@dataclass(frozen=True, slots=True)
class Slots:
    """Bundles of one environment's pool for one team ("" for none)."""

    environment: str
    team: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """Jobs that wait and run; `oldest_s` is how long the first of the waiting has waited.

    `heartbeat_s` is how long no worker was heard of; None where there is none.
    """

    waiting: int
    running: int
    oldest_s: float
    workers: int
    heartbeat_s: float | None


@dataclass(frozen=True, slots=True)
class Lags:
    """How long a live deployment took since its pointer was flipped, and since its push was
    noticed: None where nothing was pushed for it, as for a rollback."""

    published_s: float
    noticed_s: float | None


def lags_of(connection: Connection, deployment_id: int) -> Lags:
    """The lags of a deployment that is live."""
    d = t.deployment.c
    query = sa.select(
        sa.func.extract("epoch", d.live_at - d.published_at),
        sa.func.extract("epoch", d.live_at - d.noticed_at),
    ).where(d.id == deployment_id)
    published, noticed = connection.execute(query).one()
    return Lags(float(published), None if noticed is None else float(noticed))


def add_measures(
    connection: Connection, growth: Mapping[Series, float], latest: Mapping[Series, float]
) -> None:
    """Add to what is stored, and replace the gauges. Rows are locked in one order."""
    m = t.measure.c
    for values, stored in ((growth, True), (latest, False)):
        rows = [
            {"name": s.measure, "labels": list(s.labels), "part": s.part, "value": values[s]}
            for s in sorted(values)
        ]
        if not rows:
            continue
        query = insert(t.measure).values(rows)
        new = m.value + query.excluded.value if stored else query.excluded.value
        connection.execute(
            query.on_conflict_do_update(
                index_elements=["name", "labels", "part"],
                set_={"value": new, "changed_at": sa.func.now()},
            )
        )


def read_measures(connection: Connection) -> dict[Series, float]:
    """Every stored number."""
    rows = connection.execute(sa.select(t.measure))
    return {Series(row.name, tuple(row.labels), row.part): row.value for row in rows}


def count_slots(connection: Connection) -> list[Slots]:
    """How many bundles of each pool are bound, or not free yet; by environment and team."""
    b, name = t.bundle.c, t.environment.c.name
    team = sa.func.coalesce(b.team, "")
    taken = sa.or_(b.repository_id.is_not(None), b.draining_at.is_not(None))
    query = (
        sa.select(name, team, sa.func.count().filter(taken), sa.func.count())
        .join(t.environment, t.environment.c.id == b.environment_id)
        .group_by(name, team)
        .order_by(name, team)
    )
    return [Slots(*row) for row in connection.execute(query)]


def queue_load(connection: Connection) -> QueueLoad:
    """How much waits for workers, and whether there are any."""
    row = connection.execute(sa.text(_QUEUE)).one()
    return QueueLoad(**row._asdict())


def poll_lag_s(connection: Connection) -> float:
    """How late the poll is that is due for longest; 0 where none is late."""
    r = t.repository.c
    lag = sa.func.extract("epoch", sa.func.now() - sa.func.min(r.next_poll_at))
    query = sa.select(lag).where(r.suspended_at.is_(None), r.removed_at.is_(None))
    return max(0.0, float(connection.execute(query).scalar_one() or 0))


def newest_times(connection: Connection) -> dict[str, float]:
    """When something last went well, by what, in seconds since 1970; without what never did."""
    r, d = t.repository.c, t.deployment.c
    queries: dict[str, Any] = {
        "poll": sa.select(sa.func.max(r.polled_at)).where(r.removed_at.is_(None)),
        "release": sa.select(sa.func.max(t.release.c.created_at)),
        "live": sa.select(sa.func.max(d.live_at)),
    }
    found = {what: connection.execute(query).scalar_one() for what, query in queries.items()}
    return {what: at.timestamp() for what, at in found.items() if at is not None}


# Procrastinate's tables (3.10) come by their own migration and are not in `tables`.
_QUEUE = """
SELECT
    count(*) FILTER (WHERE j.status = 'todo') AS waiting,
    count(*) FILTER (WHERE j.status = 'doing') AS running,
    coalesce(extract(epoch FROM now() - min(e.at) FILTER (WHERE j.status = 'todo')), 0)::float
        AS oldest_s,
    (SELECT count(*) FROM procrastinate_workers) AS workers,
    (SELECT extract(epoch FROM now() - max(last_heartbeat))::float FROM procrastinate_workers)
        AS heartbeat_s
FROM procrastinate_jobs j
LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
WHERE j.status IN ('todo', 'doing')
"""
