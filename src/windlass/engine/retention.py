"""Old history goes, a batch at a time beside the syncs (database/retention.py says what stays)."""

import time
from datetime import timedelta

from windlass.database.retention import FORGOTTEN
from windlass.domain.events import Event
from windlass.domain.measures import ROWS_FORGOTTEN
from windlass.engine.context import Context, log

BATCH = 500
ROUND_S = 3600.0
_SHARE = 20  # it works for at most a twentieth of the time


def forget(context: Context, age: timedelta, *, batch: int = BATCH) -> dict[str, int]:
    """Remove at most a batch of each table's rows that are older; table → how many went."""
    removed = {}
    for table, forget_some in FORGOTTEN.items():
        with context.database.transaction() as connection:
            count = forget_some(connection, age, batch)
        if count:
            removed[table] = count
            context.measures.add(ROWS_FORGOTTEN, count, table)
    return removed


def forget_in_turns(context: Context, age: timedelta) -> float:
    """Remove a batch; for how many seconds to pause then."""
    began = time.monotonic()
    removed = forget(context, age)
    if not removed:
        return ROUND_S
    log.info(Event.HISTORY_FORGOTTEN, **removed)
    return _SHARE * (time.monotonic() - began)
