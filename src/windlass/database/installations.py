"""The Airflow behind each environment: the id it is known by, and whether it is refused."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import AppError, Conflict
from windlass.domain.identity import NOT_DEPLOYED, TAKEN, Installation, not_deployed


def list_installations(connection: Connection, *, lock: bool = False) -> dict[str, Installation]:
    """Environment → its Airflow, those that came first at the head. With `lock` nobody else
    changes any until the transaction ends."""
    e = t.environment.c
    query = sa.select(e.name, e.id, e.airflow_url, e.airflow_id, e.airflow_refused).order_by(e.id)
    rows = connection.execute(query.with_for_update(key_share=True) if lock else query)
    return {
        name: Installation(name, order, url, airflow_id, Conflict(**told) if told else None)
        for name, order, url, airflow_id, told in rows
    }


def refuse_taken(connection: Connection, environment: str) -> None:
    """Raise Conflict DEP007 where the Airflow of an environment is known to be another one's: two
    environments must not deploy to one Airflow."""
    refused = list_installations(connection)[environment].refused
    if refused is not None and refused.code == TAKEN:
        raise not_deployed(environment, refused)


def ask_refused_again(connection: Connection, environment: str) -> None:
    """Have what was not deployed to an environment, since its Airflow was another one's, tried
    again at the next poll."""
    r = t.repository.c
    mine = sa.select(t.environment.c.id).where(t.environment.c.name == environment)
    query = sa.update(t.repository).where(
        r.environment_id == mine.scalar_subquery(), r.error_code == NOT_DEPLOYED
    )
    connection.execute(query.values(next_poll_at=sa.func.now()))


def record_installation(
    connection: Connection, environment: str, airflow_id: str | None, refused: AppError | None
) -> None:
    """Keep what was found out about an environment's Airflow."""
    told = refused and {"code": refused.code, "message": refused.message, "hint": refused.hint}
    query = sa.update(t.environment).where(t.environment.c.name == environment)
    connection.execute(query.values(airflow_id=airflow_id, airflow_refused=told or sa.null()))
