"""What the store's upkeep asks for: trees that are due to be verified, releases to clean up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.repositories import get_repository_by_id
from windlass.domain.approval import ApprovalState
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository


@dataclass(frozen=True, slots=True)
class Verification:
    """A release whose tree is to be verified; `known` is the drift that was told of it before."""

    repository: Repository
    release_id: ReleaseId
    artifact: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OldRelease:
    """A release that its repository could do without, and where it was deployed."""

    id: ReleaseId
    repository: Repository


def claim_verification(connection: Connection, interval_s: float) -> Verification | None:
    """Take the bundle whose tree was verified longest ago, if that is `interval_s` or more; no
    other worker gets it meanwhile."""
    b = t.bundle.c
    due = (
        sa.select(b.id)
        .where(
            b.release_id.is_not(None),
            sa.func.coalesce(b.verified_at, sa.text("'-infinity'::timestamptz"))
            <= sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, interval_s),
        )
        .order_by(b.verified_at.nulls_first())
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    claim = (
        sa.update(t.bundle)
        .where(b.id == due)
        .values(verified_at=sa.func.now())
        .returning(b.repository_id, b.release_id, b.drift)
    )
    row = connection.execute(claim).one_or_none()
    if row is None:
        return None
    digest = sa.select(t.release.c.artifact_digest).where(t.release.c.id == row.release_id)
    return Verification(
        get_repository_by_id(connection, row.repository_id),
        row.release_id,
        connection.execute(digest).scalar_one(),
        tuple(row.drift),
    )


def record_drift(connection: Connection, release_id: ReleaseId, words: Sequence[str]) -> None:
    """Note how the tree of a release differs now; nothing where no bundle names it any more."""
    query = sa.update(t.bundle).where(t.bundle.c.release_id == release_id)
    connection.execute(query.values(drift=list(words)))


def list_old_releases(
    connection: Connection,
    environments: Collection[str],
    *,
    keep: int,
    older_than_s: float,
    limit: int,
) -> list[OldRelease]:
    """Releases of these environments with a tree that no pointer names, oldest first: not among
    the newest `keep` of their repository, unless that was removed; decided `older_than_s` ago or
    more, not under way, not under review and not put off. Those that never were deployed count
    apart: however many were proposed, there is one to go back to."""
    r = t.release.c
    was_deployed = sa.exists().where(t.deployment.c.release_id == r.id)
    rank = sa.func.row_number().over(
        partition_by=(r.repository_id, was_deployed), order_by=r.id.desc()
    )
    ranked = (
        sa.select(r.id, r.repository_id, r.created_at, r.next_cleanup_at, rank.label("rank"))
        .where(r.cleaned_up_at.is_(None))
        .subquery()
    )
    age = sa.func.make_interval(0, 0, 0, 0, 0, 0, older_than_s)
    query = (
        sa.select(ranked.c.id, ranked.c.repository_id)
        .join(t.repository, t.repository.c.id == ranked.c.repository_id)
        .join(t.environment, t.environment.c.id == t.repository.c.environment_id)
        .where(
            t.environment.c.name.in_(environments),
            sa.or_(ranked.c.rank > keep, t.repository.c.removed_at.is_not(None)),
            ranked.c.created_at < sa.func.now() - age,
            ranked.c.id.not_in(_needed()),
            sa.or_(ranked.c.next_cleanup_at.is_(None), ranked.c.next_cleanup_at <= sa.func.now()),
        )
        .order_by(ranked.c.id)
        .limit(limit)
    )
    return [
        OldRelease(row.id, get_repository_by_id(connection, row.repository_id))
        for row in connection.execute(query).all()
    ]


def unknown_releases(connection: Connection, releases: Sequence[ReleaseId]) -> list[ReleaseId]:
    """Those of `releases` that no row names."""
    query = sa.select(t.release.c.id).where(t.release.c.id.in_(releases))
    known = set(connection.execute(query).scalars())
    return [release for release in releases if release not in known]


def put_off_cleanup(connection: Connection, release_id: ReleaseId, seconds: float) -> None:
    """Keep a release that is referred to out of `list_old_releases` for a while."""
    later = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    query = sa.update(t.release).where(t.release.c.id == release_id)
    connection.execute(query.values(next_cleanup_at=later))


def mark_cleaned_up(connection: Connection, release_id: ReleaseId) -> None:
    """Note that the release has no tree any more; its row stays, for the history."""
    query = sa.update(t.release).where(t.release.c.id == release_id)
    connection.execute(query.values(cleaned_up_at=sa.func.clock_timestamp()))


def _needed() -> sa.CompoundSelect[Any]:
    """Releases that a pointer names or may name soon. An approval stays after its release was
    deployed, and keeps it no longer."""
    d, a = t.deployment.c, t.approval.c
    was_deployed = sa.exists().where(d.release_id == a.release_id)
    open_states = [state for state in DeploymentState if state.is_open]
    return sa.union_all(
        sa.select(t.bundle.c.release_id).where(t.bundle.c.release_id.is_not(None)),
        sa.select(d.release_id).where(d.state.in_(open_states)),
        sa.select(a.release_id).where(
            sa.or_(
                a.state == ApprovalState.WAITING,
                sa.and_(a.state == ApprovalState.APPROVED, ~was_deployed),
            )
        ),
    )
