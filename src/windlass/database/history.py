"""Events: what happened, once written never changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.events import Event
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class PastEvent:
    """One event of a repository; `facts` differ by tag and hold no secret. `tag` is one of Event's,
    or one that a newer version wrote."""

    at: datetime
    tag: str
    revision: str | None
    release_id: int | None
    facts: dict[str, Any]


def record_event(
    connection: Connection,
    tag: Event,
    *,
    repository_id: RepositoryId | None = None,
    revision: str | None = None,
    release_id: int | None = None,
    **facts: Any,
) -> None:
    """Append one event, at the clock of the database."""
    connection.execute(
        sa.insert(t.event).values(
            at=sa.func.clock_timestamp(),
            tag=tag,
            repository_id=repository_id,
            revision=revision,
            release_id=release_id,
            facts=facts,
        )
    )


def list_events(connection: Connection, repository_id: RepositoryId, limit: int) -> list[PastEvent]:
    """The newest events of a repository, oldest first."""
    e = t.event.c
    newest = (
        sa.select(e.at, e.tag, e.revision, e.release_id, e.facts)
        .where(e.repository_id == repository_id)
        .order_by(e.id.desc())
        .limit(limit)
    )
    rows = list(connection.execute(newest))
    return [PastEvent(*row) for row in reversed(rows)]
