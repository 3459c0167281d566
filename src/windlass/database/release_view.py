"""One release whole: who, why, what was found, and its way to Airflow."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.approvals import find_approval
from windlass.database.history import PastEvent
from windlass.database.releases import get_release
from windlass.database.status import PastRelease, get_past_release
from windlass.domain.approval import Approval
from windlass.domain.finding import Finding
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository


@dataclass(frozen=True, slots=True)
class Way:
    """The deployment of a release. `noticed_at` is when its head was noticed, None where the same
    revision was deployed before; `failure_answer` what Windlass did about import errors."""

    replaces: ReleaseId | None
    noticed_at: datetime | None
    decided_at: datetime
    published_at: datetime | None
    live_at: datetime | None
    converged_at: datetime | None
    failure_answer: str | None
    import_errors: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]

    @property
    def live_after_s(self) -> float | None:
        """Seconds from the notice of its head, else from the decision, until it was seen live."""
        if self.live_at is None:
            return None
        return (self.live_at - (self.noticed_at or self.decided_at)).total_seconds()


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release with everything that is stored of it. `way` None: it was not deployed; `approval`
    None: nobody had to be asked; `has_tree` False: it was cleaned up."""

    release: PastRelease
    artifact_digest: str
    has_tree: bool
    findings: tuple[Finding, ...]
    approval: Approval | None
    way: Way | None
    events: tuple[PastEvent, ...]


def get_release_view(
    connection: Connection, repository: Repository, release_id: ReleaseId
) -> ReleaseView:
    """One release of a repository; NotFound REL001."""
    release = get_release(connection, repository.id, release_id)
    query = (
        sa.select(t.release.c.cleaned_up_at, t.verdict.c.findings)
        .outerjoin(t.verdict, t.verdict.c.id == t.release.c.verdict_id)
        .where(t.release.c.id == release_id)
    )
    row = connection.execute(query).one()
    return ReleaseView(
        get_past_release(connection, repository.id, release_id),
        release.artifact_digest,
        row.cleaned_up_at is None,
        tuple(Finding.from_json(one) for one in row.findings or ()),
        find_approval(connection, release_id),
        _way(connection, release_id),
        _events(connection, repository, release_id),
    )


def _way(connection: Connection, release_id: ReleaseId) -> Way | None:
    row = connection.execute(
        sa.select(t.deployment).where(t.deployment.c.release_id == release_id)
    ).one_or_none()
    if row is None:
        return None
    return Way(
        row.replaces,
        row.noticed_at,
        row.created_at,
        row.published_at,
        row.live_at,
        row.converged_at,
        row.failure_answer,
        tuple((error["path"], error["text"]) for error in row.import_errors),
        tuple(row.missing),
    )


def _events(
    connection: Connection, repository: Repository, release_id: ReleaseId
) -> tuple[PastEvent, ...]:
    e = t.event.c
    query = (
        sa.select(e.at, e.tag, e.revision, e.release_id, e.facts)
        .where(e.repository_id == repository.id, e.release_id == release_id)
        .order_by(e.id)
        .limit(200)
    )
    return tuple(PastEvent(*row) for row in connection.execute(query))
