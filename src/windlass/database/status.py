"""What people ask for: the state of repositories and the history of releases, by few queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.database.approvals import list_waiting_of
from windlass.database.forge_reports import untold
from windlass.database.holds import list_holds_of
from windlass.database.jobs import repositories_at_work
from windlass.database.repositories import get_repository, list_repositories
from windlass.database.webhooks import hooks_of
from windlass.domain.approval import ApprovalState
from windlass.domain.finding import Finding
from windlass.domain.imported import ImportNote
from windlass.domain.ref import tag_of
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, RepositoryId
from windlass.domain.status import (
    UNASKED,
    Deployed,
    Facts,
    Failure,
    Head,
    Stop,
    Survey,
    UnderReview,
)
from windlass.domain.webhook import Hook

_NOTHING: sa.ColumnElement[dict[str, Any]] = sa.literal({}, JSONB)


@dataclass(frozen=True, slots=True)
class RepositoryStatus:
    """A repository and all that is known of its sync; `bundle` None before the first release.
    `hooks`: whether its Git host calls. `is_at_work`: a sync, or another job of it, waits or runs.
    `untold`: why its host is not told of verdicts, None where it is, or need not be.
    """

    repository: Repository
    bundle: str | None
    polled_at: datetime | None
    next_poll_at: datetime
    facts: Facts
    hooks: tuple[Hook, ...] = ()
    is_at_work: bool = False
    untold: str | None = None


@dataclass(frozen=True, slots=True)
class PastRelease:
    """A release with its deployment, for lists; `state` is that of its approval where it was not
    deployed. `is_current`: the pointer names it. `kept` and `omitted` are those of the verdict that
    allowed it."""

    id: ReleaseId
    revision: str
    subject: str | None
    author: str | None
    content_of: ReleaseId | None
    actor: str
    reason: str
    created_at: datetime
    state: DeploymentState | ApprovalState
    published_at: datetime | None
    live_at: datetime | None
    is_current: bool
    quarantine_reason: str | None
    file_count: int
    validated: bool
    kept: Mapping[str, ReleaseId]
    omitted: Mapping[str, ReleaseId | None]


def get_status(connection: Connection, name: str) -> RepositoryStatus:
    """The status of one repository; NotFound REPO011."""
    return _statuses(connection, [get_repository(connection, name)])[0]


def list_statuses(connection: Connection) -> list[RepositoryStatus]:
    """The status of every repository, by name, with as many queries as for one."""
    return _statuses(connection, list_repositories(connection))


def _statuses(connection: Connection, repositories: Sequence[Repository]) -> list[RepositoryStatus]:
    ids = [repository.id for repository in repositories]
    query = sa.select(t.repository, t.bundle.c.name.label("bundle")).outerjoin(
        t.bundle, t.bundle.c.repository_id == t.repository.c.id
    )
    rows = {r.id: r for r in connection.execute(query.where(t.repository.c.id.in_(ids)))}
    heads, verdicts = _heads(connection, ids), _newest_verdicts(connection, ids)
    deployed, holds = _deployed(connection, ids), list_holds_of(connection, ids)
    waiting, hooks = list_waiting_of(connection, ids), hooks_of(connection, ids)
    not_told = untold(connection, ids)
    surveys, watched = _surveys(connection), _watched(connection)
    at_work = repositories_at_work(connection, ids)
    found = []
    for repository in repositories:
        row, verdict = rows[repository.id], verdicts.get(repository.id)
        facts = Facts(
            head=heads.get(repository.id),
            settled_revision=row.settled_revision,
            held_reason=row.held_reason,
            failure=_failure(row),
            deployed=deployed.get(repository.id),
            judged=verdict.revision if verdict else None,
            allowed=bool(verdict and verdict.allowed),
            findings=tuple(Finding.from_json(f) for f in verdict.findings) if verdict else (),
            holds=tuple(holds.get(repository.id, ())),
            waiting=tuple(
                UnderReview(one.approval.release_id, one.revision, one.approval.created_at)
                for one in waiting.get(repository.id, ())
            ),
            survey=surveys.get(repository.environment, UNASKED),
            watched=repository.environment in watched,
            kept=verdict.kept if verdict else {},
            omitted=verdict.omitted if verdict else {},
            validated=verdict.validated if verdict else True,
            imports=str(ImportNote(**verdict.imports)) if verdict and verdict.imports else None,
            suspended=_stop(row.suspended_at, row.suspended_by, row.suspend_reason),
            removing=_stop(
                row.removing_at, row.removed_by, row.remove_reason, row.removal_waits_for
            ),
        )
        found.append(
            RepositoryStatus(
                repository,
                row.bundle,
                row.polled_at,
                row.next_poll_at,
                facts,
                hooks.get(repository.id, ()),
                repository.id in at_work,
                not_told.get(repository.id),
            )
        )
    return found


def _stop(
    at: datetime | None, by: str | None, reason: str | None, waits_for: str | None = None
) -> Stop | None:
    return None if at is None else Stop(at, by or "", reason or "", waits_for)


def list_releases(
    connection: Connection, repository_id: RepositoryId, limit: int
) -> list[PastRelease]:
    """The newest releases of a repository, newest first."""
    query = _releases(repository_id).order_by(t.release.c.id.desc()).limit(limit)
    return [_past_release(row._asdict()) for row in connection.execute(query)]


def get_past_release(
    connection: Connection, repository_id: RepositoryId, release_id: ReleaseId
) -> PastRelease:
    """One release of a repository, which must be one of its releases."""
    query = _releases(repository_id).where(t.release.c.id == release_id)
    return _past_release(connection.execute(query).one()._asdict())


def _releases(repository_id: RepositoryId) -> sa.Select[Any]:
    r, d = t.release.c, t.deployment.c
    return (
        sa.select(
            r.id,
            r.revision,
            t.revision.c.subject,
            t.revision.c.author,
            r.content_of,
            r.actor,
            r.reason,
            r.created_at,
            sa.func.coalesce(d.state, t.approval.c.state).label("state"),
            d.state.is_not(None).label("was_deployed"),
            d.published_at,
            d.live_at,
            sa.func.coalesce(t.bundle.c.release_id == r.id, False).label("is_current"),
            r.quarantine_reason,
            t.artifact.c.file_count,
            r.validated,
            sa.func.coalesce(t.verdict.c.kept, _NOTHING).label("kept"),
            sa.func.coalesce(t.verdict.c.omitted, _NOTHING).label("omitted"),
        )
        .outerjoin(t.deployment, d.release_id == r.id)
        .outerjoin(t.approval, t.approval.c.release_id == r.id)
        .join(t.artifact, t.artifact.c.digest == r.artifact_digest)
        .outerjoin(t.bundle, t.bundle.c.repository_id == r.repository_id)
        .outerjoin(t.verdict, t.verdict.c.id == r.verdict_id)
        .outerjoin(
            t.revision,
            sa.and_(t.revision.c.repository_id == r.repository_id, t.revision.c.sha == r.revision),
        )
        .where(r.repository_id == repository_id)
    )


def _past_release(row: dict[str, Any]) -> PastRelease:
    kind = DeploymentState if row.pop("was_deployed") else ApprovalState
    return PastRelease(**{**row, "state": kind(row["state"])})


def _newest_verdicts(
    connection: Connection, ids: Sequence[RepositoryId]
) -> dict[RepositoryId, Row[Any]]:
    newest = (
        sa.select(t.verdict)
        .where(t.verdict.c.repository_id == t.repository.c.id)
        .order_by(t.verdict.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    query = sa.select(newest).select_from(t.repository).join(newest, sa.true())
    rows = connection.execute(query.where(t.repository.c.id.in_(ids)))
    return {row.repository_id: row for row in rows}


def _heads(connection: Connection, ids: Sequence[RepositoryId]) -> dict[RepositoryId, Head]:
    r = t.repository.c
    query = (
        sa.select(
            r.id,
            r.noticed_revision.label("sha"),
            t.revision.c.author,
            t.revision.c.subject,
            t.revision.c.committed_at,
            r.noticed_at,
            sa.case((r.fetched_revision == r.noticed_revision, r.fetched_ref)).label("ref"),
        )
        .outerjoin(
            t.revision,
            sa.and_(t.revision.c.repository_id == r.id, t.revision.c.sha == r.noticed_revision),
        )
        .where(r.id.in_(ids), r.noticed_revision.is_not(None))
    )
    return {row.id: Head(*row[1:-1], tag_of(row.ref or "")) for row in connection.execute(query)}


def _failure(row: Row[Any]) -> Failure | None:
    if row.error_code is None:
        return None
    return Failure(row.error_code, row.error_message, row.error_hint, row.error_at)


def _deployed(connection: Connection, ids: Sequence[RepositoryId]) -> dict[RepositoryId, Deployed]:
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
            t.bundle.c.drift,
            t.bundle.c.repository_id,
            d.noticed_at,
            d.converged_at,
            d.failure_answer,
            d.not_made,
        )
        .join(t.bundle, t.bundle.c.release_id == r.id)
        .join(t.deployment, d.release_id == r.id)
        .where(t.bundle.c.repository_id.in_(ids))
    )
    return {row.repository_id: _deployment(row) for row in connection.execute(query)}


def _deployment(row: Row[*tuple[Any, ...]]) -> Deployed:
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
        tuple(row.drift),
        row.noticed_at,
        row.converged_at,
        row.failure_answer,
        tuple(row.not_made),
    )


def _watched(connection: Connection) -> set[str]:
    """The environments whose Airflow can be asked."""
    c = t.environment.c
    query = sa.select(c.name).where(c.airflow_url.is_not(None))
    return set(connection.execute(query).scalars())


def _surveys(connection: Connection) -> dict[str, Survey]:
    """Environment → the last look at all that is live there."""
    query = sa.select(t.environment.c.name, t.environment.c.observation)
    found = {row.name: row.observation for row in connection.execute(query)}
    return {
        name: Survey(
            datetime.fromisoformat(seen["at"]),
            seen["error"] if seen["failures"] > 2 else None,
            seen["clock_ahead_s"],
            tuple(seen.get("ill", ())),
        )
        for name, seen in found.items()
        if seen
    }
