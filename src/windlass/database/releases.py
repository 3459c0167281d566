"""Verdicts and releases."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.errors import NotFound
from windlass.domain.finding import Finding
from windlass.domain.imported import ImportNote
from windlass.domain.policy import Allowed, Denied, Policy, Verdict, VerdictId
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import CommitSha, Lease, RepositoryId
from windlass.domain.served import Judges, Served


def reserve_release_id(connection: Connection) -> ReleaseId:
    """The next release number; one that is never used leaves a gap, which is fine."""
    return ReleaseId(connection.scalar(t.release_number))


def record_verdict(
    connection: Connection,
    lease: Lease,
    revision: CommitSha,
    verdict: Verdict,
    *,
    judges: Judges,
    artifact_digest: str,
    policy: Policy,
) -> Verdict:
    """Keep a verdict on an artifact with all its findings, and which of them deny by the policy;
    the same verdict with its id."""
    query = sa.insert(t.verdict).values(
        repository_id=lease.repository.id,
        revision=revision,
        inputs=judges.inputs,
        checks=judges.checks,
        policy_digest=judges.policy,
        allowed=isinstance(verdict, Allowed),
        validated=verdict.validated,
        kept=verdict.kept if isinstance(verdict, Allowed) else {},
        omitted=verdict.omitted if isinstance(verdict, Allowed) else {},
        findings=[{**f.to_json(), "denies": policy.denies(f)} for f in verdict.findings],
        artifact_digest=artifact_digest,
        imports=verdict.imports.to_json() if verdict.imports else None,
    )
    return replace(verdict, id=connection.execute(query.returning(t.verdict.c.id)).scalar_one())


def is_denied_already(
    connection: Connection, lease: Lease, revision: CommitSha, denied: Denied, judges: Judges
) -> bool:
    """Whether the newest verdict of the repository denies this revision, by the same judges, for
    the same findings."""
    columns = t.verdict.c
    query = sa.select(t.verdict).where(columns.repository_id == lease.repository.id)
    row = connection.execute(query.order_by(columns.id.desc()).limit(1)).one_or_none()
    if row is None or row.allowed or (row.revision, row.inputs) != (revision, judges.inputs):
        return False
    return [f["fingerprint"] for f in row.findings] == [f.fingerprint for f in denied.findings]


def find_verdict_of(connection: Connection, release: Release) -> Allowed:
    """The verdict that allowed a release; one without findings where it was not kept."""
    query = sa.select(t.verdict).join(t.release, t.release.c.verdict_id == t.verdict.c.id)
    row = connection.execute(query.where(t.release.c.id == release.id)).one_or_none()
    return Allowed((), validated=release.validated) if row is None else _allowed(row)


def find_served(connection: Connection, repository_id: RepositoryId) -> Served | None:
    """The release that the repository's bundle points to, with the newest verdict that allowed its
    content; None before the first."""
    current = find_current(connection, repository_id)
    if current is None:
        return None
    columns = t.verdict.c
    query = (
        sa.select(t.verdict)
        .where(
            columns.repository_id == repository_id,
            columns.artifact_digest == current.artifact_digest,
            columns.allowed,
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return Served(current, {}, {}, (), None)
    verdict = _allowed(row)
    judges = Judges(row.inputs, row.checks, row.policy_digest)
    return Served(current, verdict.kept, verdict.omitted, verdict.findings, judges)


def insert_release(connection: Connection, release: Release, allowed: Allowed) -> None:
    """Store a release under its reserved number, with the verdict that allowed it."""
    connection.execute(
        sa.insert(t.release).values(
            id=release.id,
            repository_id=release.repository_id,
            artifact_digest=release.artifact_digest,
            revision=release.revision,
            content_of=release.content_of,
            actor=release.actor,
            reason=release.reason,
            created_at=release.created_at,
            validated=release.validated,
            verdict_id=allowed.id,
        )
    )


def find_verdict_inputs(connection: Connection, release_id: ReleaseId) -> str | None:
    """What the release was judged by; None where its verdict is not known."""
    query = sa.select(t.verdict.c.inputs).join(t.release, t.release.c.verdict_id == t.verdict.c.id)
    return connection.execute(query.where(t.release.c.id == release_id)).scalar_one_or_none()


def was_deployed(connection: Connection, release_id: ReleaseId) -> bool:
    """Whether the release was ever decided to be the live one."""
    query = sa.select(sa.exists().where(t.deployment.c.release_id == release_id))
    return bool(connection.execute(query).scalar_one())


def find_current(connection: Connection, repository_id: RepositoryId) -> Release | None:
    """The release that the repository's bundle points to; None before the first."""
    query = (
        sa.select(t.release)
        .join(t.bundle, t.bundle.c.release_id == t.release.c.id)
        .where(t.bundle.c.repository_id == repository_id)
    )
    row = connection.execute(query).one_or_none()
    return _release(row) if row else None


def list_current(connection: Connection, environment: str) -> list[tuple[RepositoryId, Release]]:
    """The release that each repository of an environment has deployed."""
    query = (
        sa.select(t.release)
        .join(t.bundle, t.bundle.c.release_id == t.release.c.id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .where(t.environment.c.name == environment)
        .order_by(t.release.c.repository_id)
    )
    return [(RepositoryId(r.repository_id), _release(r)) for r in connection.execute(query)]


def get_release(
    connection: Connection, repository_id: RepositoryId, release_id: ReleaseId
) -> Release:
    """A release of this repository; NotFound REL001 names the newest ones."""
    columns = t.release.c
    mine = sa.select(t.release).where(columns.repository_id == repository_id)
    row = connection.execute(mine.where(columns.id == release_id)).one_or_none()
    if row is not None:
        return _release(row)
    newest = connection.execute(mine.order_by(columns.id.desc()).limit(5)).all()
    known = ", ".join(f"#{r.id}" for r in newest)
    raise NotFound(
        "REL001",
        f"the repository has no release #{release_id}",
        f"The newest are {known}." if known else "It has no release yet.",
    )


def find_rollback_target(connection: Connection, current: Release) -> Release | None:
    """The newest earlier release with other content that was deployed and is not quarantined, or
    None."""
    columns = t.release.c
    query = (
        sa.select(t.release)
        .where(
            columns.repository_id == current.repository_id,
            columns.id < current.id,
            columns.artifact_digest != current.artifact_digest,
            columns.artifact_digest.not_in(_quarantined(current.repository_id)),
            sa.exists().where(t.deployment.c.release_id == columns.id),
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return _release(row) if row else None


def find_proven_release(
    connection: Connection, repository_id: RepositoryId, before: ReleaseId
) -> ReleaseId | None:
    """The newest release earlier than `before`, with other content, that Airflow was seen with and
    that is not quarantined; None where there is none."""
    columns = t.release.c
    digest = (
        sa.select(columns.artifact_digest).where(columns.id == before).correlate(None)
    ).scalar_subquery()
    query = (
        sa.select(columns.id)
        .join(t.deployment, t.deployment.c.release_id == columns.id)
        .where(
            columns.repository_id == repository_id,
            columns.id < before,
            columns.artifact_digest != digest,
            columns.artifact_digest.not_in(_quarantined(repository_id)),
            t.deployment.c.live_at.is_not(None),
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else ReleaseId(found)


def quarantine(connection: Connection, release: Release, reason: str) -> None:
    """Keep this content from being deployed again until a person lifts it."""
    connection.execute(
        sa.update(t.release)
        .where(t.release.c.id == release.id)
        .values(quarantined_at=sa.func.clock_timestamp(), quarantine_reason=reason)
    )


def lift_quarantine(
    connection: Connection, repository_id: RepositoryId, artifact_digest: str
) -> None:
    """Let this content be deployed again, whichever releases it was quarantined with."""
    columns = t.release.c
    connection.execute(
        sa.update(t.release)
        .where(columns.repository_id == repository_id, columns.artifact_digest == artifact_digest)
        .values(quarantined_at=None, quarantine_reason=None)
    )


def find_quarantine(
    connection: Connection, repository_id: RepositoryId, artifact_digest: str
) -> tuple[ReleaseId, str] | None:
    """The quarantined release with this content and why it is, or None."""
    columns = t.release.c
    query = (
        sa.select(columns.id, columns.quarantine_reason)
        .where(
            columns.repository_id == repository_id,
            columns.artifact_digest == artifact_digest,
            columns.quarantined_at.is_not(None),
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return (ReleaseId(row.id), row.quarantine_reason) if row else None


def _quarantined(repository_id: RepositoryId) -> sa.Select[tuple[str]]:
    columns = t.release.c
    return sa.select(columns.artifact_digest).where(
        columns.repository_id == repository_id, columns.quarantined_at.is_not(None)
    )


def _release(row: Row[tuple[object, ...]]) -> Release:
    return Release(
        id=row.id,
        repository_id=row.repository_id,
        artifact_digest=row.artifact_digest,
        revision=row.revision,
        content_of=row.content_of,
        actor=row.actor,
        reason=row.reason,
        created_at=row.created_at,
        validated=row.validated,
    )


def _allowed(row: Row[Any]) -> Allowed:
    return Allowed(
        tuple(Finding.from_json(f) for f in row.findings),
        {path: ReleaseId(release) for path, release in row.kept.items()},
        {path: release and ReleaseId(release) for path, release in row.omitted.items()},
        row.validated,
        VerdictId(row.id),
        ImportNote(**row.imports) if row.imports else None,
    )
