"""Keeps the inventory of each environment fresh: asks Airflow for names, never for values."""

from collections.abc import Mapping

from windlass.database.environments import get_environment
from windlass.database.listings import record_listings, stale_listings
from windlass.domain.errors import AppError
from windlass.domain.inventory import Inventory
from windlass.domain.names import Kind
from windlass.engine.context import Context
from windlass.targets.airflow import AirflowClient

LOOK_S = 60.0
"""How old what Airflow said may be; a revision that waits for a name is judged again after that."""
AT_APPROVAL_S = 5.0


def refresh_stale(context: Context, older_than_s: float = LOOK_S) -> int:
    """Ask each Airflow that was not asked for so long; how many there were."""
    airflows = dict(context.airflows)
    if not airflows:
        return 0
    with context.database.transaction() as connection:
        stale = stale_listings(connection, airflows, older_than_s)
    for name in stale:
        _refresh(context, name, airflows[name])
    return len(stale)


def refresh(context: Context, name: str, older_than_s: float = 0.0) -> Inventory:
    """Ask one environment's Airflow now, if it was not asked of late; NotFound ENV002.

    What could not be read is among what comes back, with its problem.
    """
    with context.database.transaction() as connection:
        get_environment(connection, name)
        is_stale = bool(stale_listings(connection, [name], older_than_s))
    airflow = context.airflows.get(name)
    if is_stale and airflow is not None:
        _refresh(context, name, airflow)
    return context.inventory_of(name)


def _refresh(context: Context, name: str, airflow: AirflowClient) -> None:
    found: dict[Kind, frozenset[str] | str] = {}
    for kind in Kind:
        try:
            found[kind] = airflow.list_names(kind)
        except AppError as error:
            found[kind] = f"{error.code} {error.message}"
    _record(context, name, found)


def _record(context: Context, name: str, found: Mapping[Kind, frozenset[str] | str]) -> None:
    with context.database.transaction() as connection:
        record_listings(connection, name, found)
