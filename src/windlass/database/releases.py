"""Artifacts, verdicts and releases."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.artifact import Artifact
from windlass.domain.errors import NotFound
from windlass.domain.finding import Finding
from windlass.domain.policy import Allowed, Verdict
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import CommitSha, Lease, RepositoryId


def reserve_release_id(connection: Connection) -> ReleaseId:
    """The next release number; one that is never used leaves a gap, which is fine."""
    return ReleaseId(connection.scalar(t.release_number))


def put_artifact(connection: Connection, artifact: Artifact) -> None:
    """Store the artifact; of equal content, the newest outlines win."""
    packed = artifact.pack()
    query = insert(t.artifact).values(
        digest=artifact.digest,
        packed=packed,
        file_count=len(artifact.files),
        size_bytes=artifact.size_bytes,
    )
    connection.execute(
        query.on_conflict_do_update(index_elements=["digest"], set_={"packed": packed})
    )


def get_artifact(connection: Connection, digest: str) -> Artifact:
    """The artifact of that digest; NotFound REL002 where it is not stored."""
    query = sa.select(t.artifact.c.packed).where(t.artifact.c.digest == digest)
    packed = connection.execute(query).scalar_one_or_none()
    if packed is None:
        raise NotFound("REL002", f"there is no artifact {digest[:12]}")
    return Artifact.unpack(packed)


def record_verdict(
    connection: Connection, lease: Lease, revision: CommitSha, inputs: str, verdict: Verdict
) -> None:
    """Keep a verdict with all its findings."""
    connection.execute(
        sa.insert(t.verdict).values(
            repository_id=lease.repository.id,
            revision=revision,
            inputs=inputs,
            allowed=isinstance(verdict, Allowed),
            findings=[f.to_json() for f in verdict.findings],
        )
    )


def find_allowed_verdict(
    connection: Connection, repository_id: RepositoryId, revision: CommitSha, inputs: str
) -> Allowed | None:
    """The newest verdict that allowed this revision by these inputs, or None."""
    columns = t.verdict.c
    query = (
        sa.select(columns.findings)
        .where(
            columns.repository_id == repository_id,
            columns.revision == revision,
            columns.inputs == inputs,
            columns.allowed,
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    findings = connection.execute(query).scalar_one_or_none()
    return None if findings is None else Allowed(tuple(Finding.from_json(f) for f in findings))


def insert_release(connection: Connection, release: Release) -> None:
    """Store a release under its reserved number."""
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
        )
    )


def find_current(connection: Connection, repository_id: RepositoryId) -> Release | None:
    """The release that the repository's bundle points to; None before the first."""
    query = (
        sa.select(t.release)
        .join(t.bundle, t.bundle.c.release_id == t.release.c.id)
        .where(t.bundle.c.repository_id == repository_id)
    )
    row = connection.execute(query).one_or_none()
    return _release(row) if row else None


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
    """The newest earlier release with other content that is not quarantined, or None."""
    columns = t.release.c
    query = (
        sa.select(t.release)
        .where(
            columns.repository_id == current.repository_id,
            columns.id < current.id,
            columns.artifact_digest != current.artifact_digest,
            columns.artifact_digest.not_in(_quarantined(current.repository_id)),
        )
        .order_by(columns.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return _release(row) if row else None


def quarantine(connection: Connection, release: Release, reason: str) -> None:
    """Keep this content from being deployed again until a person lifts it."""
    connection.execute(
        sa.update(t.release)
        .where(t.release.c.id == release.id)
        .values(quarantined_at=sa.func.clock_timestamp(), quarantine_reason=reason)
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
    )
