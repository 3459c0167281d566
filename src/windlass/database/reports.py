"""Verdicts as reports: what was found in a revision, and how that differs from the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.errors import NotFound
from windlass.domain.finding import Finding
from windlass.domain.release import ReleaseId
from windlass.domain.report import Issue, Report
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What was said of a revision when it was judged last, by which policy (its digest)."""

    revision: str
    report: Report
    policy: str | None
    decided_at: datetime


def get_report(
    connection: Connection, repository_id: RepositoryId, revision: str | None
) -> StoredReport:
    """The newest report on a revision, or of all; `revision` may be the beginning of one. NotFound
    POL011 where there is none."""
    columns = t.verdict.c
    query = sa.select(t.verdict).where(columns.repository_id == repository_id)
    if revision is not None:
        query = query.where(columns.revision.startswith(revision, autoescape=True))
    row = connection.execute(query.order_by(columns.id.desc()).limit(1)).one_or_none()
    if row is None:
        what = "no revision" if revision is None else f"no revision {revision!r}"
        raise NotFound("POL011", f"{what} of the repository was judged", "See windlass repo show.")
    return _stored(row)


def find_report_before(
    connection: Connection, repository_id: RepositoryId, stored: StoredReport
) -> StoredReport | None:
    """The newest earlier report on another revision; None where there is none."""
    columns = t.verdict.c
    query = (
        sa.select(t.verdict)
        .where(
            columns.repository_id == repository_id,
            columns.revision != stored.revision,
            columns.decided_at < stored.decided_at,
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _stored(row)


def find_findings_before(
    connection: Connection, repository_id: RepositoryId, release_id: ReleaseId
) -> tuple[Finding, ...]:
    """What was found in the release before; nothing before the first."""
    query = (
        sa.select(t.verdict.c.findings)
        .select_from(t.release)
        .outerjoin(t.verdict, t.verdict.c.id == t.release.c.verdict_id)
        .where(t.release.c.repository_id == repository_id, t.release.c.id < release_id)
        .order_by(t.release.c.id.desc())
        .limit(1)
    )
    rows = connection.execute(query).scalar_one_or_none()
    return tuple(Finding.from_json(one) for one in rows or ())


def list_newest_reports(connection: Connection) -> Iterator[tuple[str, StoredReport]]:
    """Repository, by name, and the newest report on it; of those that are there."""
    newest = (
        sa.select(t.verdict)
        .where(t.verdict.c.repository_id == t.repository.c.id)
        .order_by(t.verdict.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    query = (
        sa.select(t.repository.c.name, newest)
        .select_from(t.repository)
        .join(newest, sa.true())
        .where(t.repository.c.removed_at.is_(None))
        .order_by(t.repository.c.name)
    )
    return ((row.name, _stored(row)) for row in connection.execute(query))


def _stored(row: Row[Any]) -> StoredReport:
    report = Report(
        passed=row.allowed,
        validated=row.validated,
        issues=tuple(
            Issue(Finding.from_json(one), one.get("denies", False)) for one in row.findings
        ),
        kept=row.kept,
        omitted=row.omitted,
    )
    return StoredReport(row.revision, report, row.policy_digest, row.decided_at)
