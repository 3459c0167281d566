"""Where a dag_id is known: what owns it, what would bring it, where Airflow was seen with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.release import ReleaseId
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A repository that has, would have or had the id. `unreleased` is its file in the newest
    judged revision where no release has it yet; `gone_from` its file where Airflow had it once."""

    repository: str
    environment: str
    owns: bool
    unreleased: str | None
    gone_from: str | None


def where_known(connection: Connection, dag_id: str) -> list[KnownAt]:
    """Every repository that knows of the id, owners first, then those that would bring it."""
    r, v, o, c = t.repository.c, t.verdict.c, t.observed_dag.c, t.dag_claim.c
    newest = sa.select(sa.func.max(v.id)).group_by(v.repository_id)
    judged = (
        sa.select(v.repository_id, v.dag_ids[dag_id].astext.label("path"))
        .where(v.id.in_(newest), v.dag_ids.has_key(dag_id))
        .subquery()
    )
    owned = sa.select(c.repository_id).where(c.dag_id == dag_id).subquery()
    seen = (
        sa.select(o.repository_id, o.path)
        .where(o.dag_id == dag_id, o.gone_at.is_not(None))
        .subquery()
    )
    owns = owned.c.repository_id.is_not(None)
    query = (
        sa.select(r.name, t.environment.c.name, owns, judged.c.path, seen.c.path)
        .join(t.environment, t.environment.c.id == r.environment_id)
        .outerjoin(owned, owned.c.repository_id == r.id)
        .outerjoin(judged, judged.c.repository_id == r.id)
        .outerjoin(seen, seen.c.repository_id == r.id)
        .where(
            r.removed_at.is_(None),
            sa.or_(owns, judged.c.path.is_not(None), seen.c.path.is_not(None)),
        )
        .order_by(owns.desc(), judged.c.path.is_(None), t.environment.c.name, r.name)
    )
    return [KnownAt(*row) for row in connection.execute(query)]


def known_dag_ids(connection: Connection) -> list[str]:
    """Every dag_id that a repository owns."""
    query = sa.select(t.dag_claim.c.dag_id).distinct().order_by(t.dag_claim.c.dag_id)
    return list(connection.execute(query).scalars())


def current_artifacts(connection: Connection, limit: int) -> list[tuple[str, ReleaseId, str]]:
    """(repository, its current release, that one's artifact) of the newest `limit` releases."""
    query = (
        sa.select(t.repository.c.name, t.release.c.id, t.release.c.artifact_digest)
        .join(t.bundle, t.bundle.c.release_id == t.release.c.id)
        .join(t.repository, t.repository.c.id == t.bundle.c.repository_id)
        .order_by(t.release.c.id.desc())
        .limit(limit)
    )
    return [(row[0], ReleaseId(row[1]), row[2]) for row in connection.execute(query)]


def record_unreleased(connection: Connection, verdict_id: int, places: dict[str, str]) -> None:
    """Keep the ids (dag_id → file) that a judged revision would bring."""
    query = sa.update(t.verdict).where(t.verdict.c.id == verdict_id)
    connection.execute(query.values(dag_ids=places))


def find_committed_at(
    connection: Connection, repository_id: RepositoryId, revision: str
) -> datetime | None:
    """When a revision was committed, by the committer's clock; None before it was fetched."""
    r = t.revision.c
    query = sa.select(r.committed_at).where(r.repository_id == repository_id, r.sha == revision)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def events_of_release(
    connection: Connection, repository_id: RepositoryId, revision: str, release_id: int | None
) -> list[tuple[Any, str]]:
    """(at, tag) of what happened to a revision and a release, oldest first."""
    e = t.event.c
    mine = e.release_id == release_id if release_id is not None else sa.false()
    query = (
        sa.select(e.at, e.tag)
        .where(
            e.repository_id == repository_id,
            sa.or_(sa.and_(e.revision == revision, e.release_id.is_(None)), mine),
        )
        .order_by(e.id)
        .limit(200)
    )
    return [(row.at, row.tag) for row in connection.execute(query)]
