"""The backup that is made by itself once a night, by one of the workers."""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from windlass.database.restored import claim_nightly
from windlass.domain.backup import newest_slot
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.measures import BACKUP_TIME
from windlass.engine.backup import Nightly, backup_name, keep_newest, make_backup
from windlass.engine.context import Context, log

LOOK_S = 60.0
_LEFTOVER_S = 24 * 3600.0


def back_up_at_night(context: Context, plan: Nightly, now: datetime | None = None) -> float:
    """Make tonight's backup if it is due and no other worker took it, also at a later start where
    the machine was off; for how many seconds to pause then. A failure is told, not raised."""
    at = now or datetime.now(UTC)
    with context.database.transaction() as connection:
        is_ours = claim_nightly(connection, newest_slot(at, plan.hour).timestamp())
    if is_ours:
        _remove_leftovers(plan.installation.folder)
        try:
            target = plan.installation.folder / backup_name(at, "nightly")
            make_backup(plan.installation, target, passphrase=plan.passphrase)
            keep_newest(plan.installation.folder, plan.keep)
            context.measures.set(BACKUP_TIME, at.timestamp())
            log.info(Event.BACKUP_MADE, file=str(target), size_bytes=target.stat().st_size)
        except AppError as error:
            log.error(Event.BACKUP_FAILED, code=error.code, message=error.message, hint=error.hint)
    return LOOK_S


def _remove_leftovers(folder: Path) -> None:
    """Half of a backup, whose worker died over it."""
    for place in folder.glob(".backup.*"):
        if place.stat().st_mtime < time.time() - _LEFTOVER_S:
            shutil.rmtree(place, ignore_errors=True)
