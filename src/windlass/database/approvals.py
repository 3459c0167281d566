"""Releases that wait for a person, and what was decided about them."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from windlass.database import tables as t
from windlass.domain.approval import Approval, ApprovalState
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release that waits, and its content."""

    approval: Approval
    revision: str
    artifact_digest: str


def open_approval(
    connection: Connection, release: Release, base: Release | None, policy_digest: str
) -> None:
    """Ask whether a release may be deployed in the place of `base`."""
    query = sa.insert(t.approval).values(
        repository_id=release.repository_id,
        release_id=release.id,
        base_release_id=base.id if base else None,
        policy_digest=policy_digest,
    )
    connection.execute(query)


def find_approval(connection: Connection, release_id: ReleaseId) -> Approval | None:
    """What was asked and decided about a release, locked until the transaction ends; None where
    nobody had to be asked."""
    query = sa.select(t.approval).where(t.approval.c.release_id == release_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return _approval(row) if row else None


def list_waiting(connection: Connection, repository_id: RepositoryId) -> list[Waiting]:
    """The releases that wait, oldest first."""
    return list_waiting_of(connection, [repository_id]).get(repository_id, [])


def list_waiting_of(
    connection: Connection, ids: Collection[RepositoryId]
) -> dict[RepositoryId, list[Waiting]]:
    """The releases that wait of each of these repositories that has some, oldest first."""
    return _list(connection, ids, ApprovalState.WAITING)


def find_refused(
    connection: Connection, repository_id: RepositoryId, artifact_digest: str
) -> Approval | None:
    """The newest question about this content that was rejected or has expired, or None."""
    states = (ApprovalState.REJECTED, ApprovalState.EXPIRED)
    found = _list(connection, [repository_id], *states).get(repository_id, [])
    same = [one.approval for one in found if one.artifact_digest == artifact_digest]
    return same[-1] if same else None


def decide_approval(
    connection: Connection,
    release_id: ReleaseId,
    state: ApprovalState,
    *,
    actor: str,
    reason: str,
) -> None:
    """Record a decision. The caller has looked at it, locked."""
    connection.execute(
        sa.update(t.approval)
        .where(t.approval.c.release_id == release_id)
        .values(state=state, decided_at=sa.func.clock_timestamp(), decided_by=actor, reason=reason)
    )


def list_approved(
    connection: Connection, repository_id: RepositoryId | None = None
) -> list[tuple[RepositoryId, ReleaseId]]:
    """Approved releases that are not deployed yet, of one repository or of all."""
    a = t.approval.c
    deployed = sa.exists().where(t.deployment.c.release_id == a.release_id)
    query = sa.select(a.repository_id, a.release_id).where(
        a.state == ApprovalState.APPROVED, ~deployed
    )
    if repository_id is not None:
        query = query.where(a.repository_id == repository_id)
    rows = connection.execute(query.order_by(a.release_id))
    return [(RepositoryId(row.repository_id), ReleaseId(row.release_id)) for row in rows]


def claim_overdue(
    connection: Connection, limit_s: float, limit: int
) -> list[tuple[RepositoryId, Approval]]:
    """Approvals that have waited for `limit_s` or longer, each given once."""
    a = t.approval.c
    age = sa.func.make_interval(0, 0, 0, 0, 0, 0, limit_s)
    due = (
        sa.select(a.id)
        .where(
            a.state == ApprovalState.WAITING,
            a.told_at.is_(None),
            a.created_at <= sa.func.now() - age,
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    query = sa.update(t.approval).where(a.id.in_(due)).values(told_at=sa.func.now())
    rows = connection.execute(query.returning(t.approval))
    return [(RepositoryId(row.repository_id), _approval(row)) for row in rows]


def claim_expired(connection: Connection, limit: int) -> list[tuple[RepositoryId, Approval]]:
    """Approvals that waited for as long as their repository lets them, each given once: they have
    expired."""
    a, r = t.approval.c, t.repository.c
    hours = r.options["approval_expires_h"].as_integer()
    age = sa.func.make_interval(0, 0, 0, 0, hours)
    due = (
        sa.select(a.id)
        .join(t.repository, r.id == a.repository_id)
        .where(a.state == ApprovalState.WAITING, a.created_at <= sa.func.now() - age)
        .limit(limit)
        .with_for_update(skip_locked=True, of=t.approval)
    )
    query = (
        sa.update(t.approval)
        .where(a.id.in_(due.scalar_subquery()))
        .values(
            state=ApprovalState.EXPIRED,
            decided_at=sa.func.clock_timestamp(),
            decided_by="windlass",
            reason="nobody decided in time",
        )
    )
    rows = connection.execute(query.returning(t.approval))
    return [(RepositoryId(row.repository_id), _approval(row)) for row in rows]


def forget_expired(connection: Connection, repository_id: RepositoryId) -> bool:
    """Let what has expired be asked about again; whether there was something."""
    query = (
        sa.update(t.approval)
        .where(
            t.approval.c.repository_id == repository_id,
            t.approval.c.state == ApprovalState.EXPIRED,
        )
        .values(state=ApprovalState.SUPERSEDED, reason="it had expired, and was asked for again")
    )
    return connection.execute(query).rowcount > 0


def _list(
    connection: Connection, ids: Collection[RepositoryId], *states: ApprovalState
) -> dict[RepositoryId, list[Waiting]]:
    a = t.approval.c
    query = (
        sa.select(t.approval, t.release.c.revision, t.release.c.artifact_digest)
        .join(t.release, t.release.c.id == a.release_id)
        .where(a.repository_id.in_(ids), a.state.in_(states))
        .order_by(a.release_id)
    )
    found: dict[RepositoryId, list[Waiting]] = {}
    for row in connection.execute(query):
        one = Waiting(_approval(row), row.revision, row.artifact_digest)
        found.setdefault(row.repository_id, []).append(one)
    return found


def _approval(row: Row[tuple[object, ...]]) -> Approval:
    return Approval(
        release_id=row.release_id,
        base_release_id=row.base_release_id,
        policy_digest=row.policy_digest,
        state=ApprovalState(row.state),
        created_at=row.created_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
    )
