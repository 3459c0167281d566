"""What is known of the health of the parts: the server, the workers, how quick Airflow is."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t

SILENT_WORKER_S = 20.0


def database_version(connection: Connection) -> tuple[str, datetime]:
    """The server's version, such as `18.1`, and its clock."""
    query = sa.select(sa.func.current_setting("server_version"), sa.func.clock_timestamp())
    version, clock = connection.execute(query).one()
    return str(version).split()[0], clock


def worker_silence_s(connection: Connection) -> float | None:
    """How many seconds ago a worker's heart was heard, whichever beat last; None where none is
    registered (Procrastinate's table of workers)."""
    heard = sa.text(
        "SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM procrastinate_workers"
    )
    silence = connection.execute(heard).scalar_one()
    return None if silence is None else float(silence)


def flip_times_s(connection: Connection, environment: str, limit: int) -> list[float]:
    """How many seconds the newest releases took from the flipped pointer to live."""
    d = t.deployment.c
    query = (
        sa.select(sa.func.extract("epoch", d.live_at - d.published_at))
        .join(t.repository, t.repository.c.id == d.repository_id)
        .join(t.environment, t.environment.c.id == t.repository.c.environment_id)
        .where(t.environment.c.name == environment, d.live_at.is_not(None))
        .order_by(d.id.desc())
        .limit(limit)
    )
    return [float(value) for value in connection.execute(query).scalars()]
