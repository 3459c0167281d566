"""Plans of releases that wait for approval, or waited."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.packing import pack, unpack
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import RepositoryId

_COLUMNS = (t.plan.c.release_id, t.plan.c.repository_id, t.plan.c.digest, t.plan.c.content)


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The plan of one release; `content` is what `Plan.to_json` gave."""

    release_id: ReleaseId
    repository_id: RepositoryId
    digest: str
    content: Mapping[str, Any]


def keep_plan(connection: Connection, release: Release, content: Mapping[str, Any]) -> None:
    """Store the plan of a release, unless it has one."""
    query = insert(t.plan).values(
        repository_id=release.repository_id,
        release_id=release.id,
        digest=content["digest"],
        content=pack(content),
    )
    connection.execute(query.on_conflict_do_nothing())


def find_plan(connection: Connection, release_id: ReleaseId) -> StoredPlan | None:
    """The plan of a release; None where there is none."""
    query = sa.select(*_COLUMNS).where(t.plan.c.release_id == release_id)
    row = connection.execute(query).one_or_none()
    return _stored(row) if row else None


def has_plan(connection: Connection, release_id: ReleaseId) -> bool:
    """Whether a release has a plan."""
    query = sa.select(sa.exists().where(t.plan.c.release_id == release_id))
    return bool(connection.execute(query).scalar_one())


def find_plans_named(connection: Connection, digest: str, limit: int = 5) -> list[StoredPlan]:
    """The newest plans whose digest begins so; `digest` is hexadecimal."""
    query = (
        sa.select(*_COLUMNS)
        .where(t.plan.c.digest.startswith(digest, autoescape=True))
        .order_by(t.plan.c.release_id.desc())
        .limit(limit)
    )
    return [_stored(row) for row in connection.execute(query)]


def _stored(row: Any) -> StoredPlan:
    content = unpack(row.content)
    return StoredPlan(
        ReleaseId(row.release_id), RepositoryId(row.repository_id), row.digest, content
    )
