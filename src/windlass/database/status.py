"""What people ask for: the state of repositories and the history of releases, by few queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.repositories import get_repository
from windlass.domain.finding import Finding
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, RepositoryId
from windlass.domain.status import Deployed, Facts, Failure, Head


@dataclass(frozen=True, slots=True)
class RepositoryStatus:
    """A repository and all that is known of its sync; `bundle` None before the first release."""

    repository: Repository
    bundle: str | None
    polled_at: datetime | None
    next_poll_at: datetime
    facts: Facts


@dataclass(frozen=True, slots=True)
class PastRelease:
    """A release with its deployment, for lists. `is_current`: the pointer names it."""

    id: ReleaseId
    revision: str
    subject: str | None
    author: str | None
    content_of: ReleaseId | None
    actor: str
    reason: str
    created_at: datetime
    state: DeploymentState
    published_at: datetime | None
    live_at: datetime | None
    is_current: bool
    quarantine_reason: str | None
    file_count: int


def get_status(connection: Connection, name: str) -> RepositoryStatus:
    """The status of one repository; NotFound REPO011."""
    repository = get_repository(connection, name)
    query = sa.select(t.repository, t.bundle.c.name.label("bundle")).outerjoin(
        t.bundle, t.bundle.c.repository_id == t.repository.c.id
    )
    row = connection.execute(query.where(t.repository.c.id == repository.id)).one()
    verdict = _newest_verdict(connection, repository.id)
    facts = Facts(
        head=_head(connection, row),
        settled_revision=row.settled_revision,
        held_reason=row.held_reason,
        failure=_failure(row),
        deployed=_deployed(connection, repository.id),
        judged=verdict.revision if verdict else None,
        allowed=bool(verdict and verdict.allowed),
        findings=tuple(Finding.from_json(f) for f in verdict.findings) if verdict else (),
    )
    return RepositoryStatus(repository, row.bundle, row.polled_at, row.next_poll_at, facts)


def list_releases(
    connection: Connection, repository_id: RepositoryId, limit: int
) -> list[PastRelease]:
    """The newest releases of a repository, newest first."""
    r, d = t.release.c, t.deployment.c
    query = (
        sa.select(
            r.id,
            r.revision,
            t.revision.c.subject,
            t.revision.c.author,
            r.content_of,
            r.actor,
            r.reason,
            r.created_at,
            d.state,
            d.published_at,
            d.live_at,
            sa.func.coalesce(t.bundle.c.release_id == r.id, False).label("is_current"),
            r.quarantine_reason,
            t.artifact.c.file_count,
        )
        .join(t.deployment, d.release_id == r.id)
        .join(t.artifact, t.artifact.c.digest == r.artifact_digest)
        .outerjoin(t.bundle, t.bundle.c.repository_id == r.repository_id)
        .outerjoin(
            t.revision,
            sa.and_(t.revision.c.repository_id == r.repository_id, t.revision.c.sha == r.revision),
        )
        .where(r.repository_id == repository_id)
        .order_by(r.id.desc())
        .limit(limit)
    )
    rows = (row._asdict() for row in connection.execute(query))
    return [PastRelease(**{**row, "state": DeploymentState(row["state"])}) for row in rows]


def _newest_verdict(connection: Connection, repository_id: RepositoryId) -> Row[Any] | None:
    query = sa.select(t.verdict).where(t.verdict.c.repository_id == repository_id)
    return connection.execute(query.order_by(t.verdict.c.id.desc()).limit(1)).one_or_none()


def _head(connection: Connection, row: Row[Any]) -> Head | None:
    if row.noticed_revision is None:
        return None
    query = sa.select(t.revision).where(
        t.revision.c.repository_id == row.id, t.revision.c.sha == row.noticed_revision
    )
    found = connection.execute(query).one_or_none()
    return Head(
        sha=row.noticed_revision,
        author=found.author if found else None,
        subject=found.subject if found else None,
        committed_at=found.committed_at if found else None,
        noticed_at=row.noticed_at,
    )


def _failure(row: Row[Any]) -> Failure | None:
    if row.error_code is None:
        return None
    return Failure(row.error_code, row.error_message, row.error_hint, row.error_at)


def _deployed(connection: Connection, repository_id: RepositoryId) -> Deployed | None:
    r, d = t.release.c, t.deployment.c
    query = (
        sa.select(
            r.id,
            r.revision,
            r.content_of,
            d.state,
            d.published_at,
            d.live_at,
            d.import_errors,
            d.missing,
        )
        .join(t.bundle, t.bundle.c.release_id == r.id)
        .join(t.deployment, d.release_id == r.id)
        .where(t.bundle.c.repository_id == repository_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    errors = tuple((error["path"], error["text"]) for error in row.import_errors)
    return Deployed(
        row.id,
        row.revision,
        row.content_of,
        DeploymentState(row.state),
        row.published_at,
        row.live_at,
        errors,
        tuple(row.missing),
    )
