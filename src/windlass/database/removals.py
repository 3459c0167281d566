"""Repositories on their way out: what is left to do, and the bundles that they leave behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.credentials import drop_credential
from windlass.database.repositories import get_repository_by_id
from windlass.database.webhooks import remove_webhooks
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, RepositoryId

DRAIN = timedelta(hours=1)
"""How long runs may go on before the bundle is unbound under them."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A repository that is being removed, and how far that is.

    `bundle` None: it never had one. `release_id` None: the bundle shows nothing any more, since
    `unbound_at`. `may_drain`: there is time yet for its runs to end. `delete_dags`: Airflow is to
    forget its DAGs; `deleted_dags` counts them once they are known.
    """

    repository: Repository
    bundle: str | None
    release_id: ReleaseId | None
    unbound_for_s: float | None
    may_drain: bool
    delete_dags: bool
    deleted_dags: int | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class DrainingBundle:
    """A bundle of a removed repository that is not free yet."""

    environment: str
    bundle: str
    repository: Repository


@dataclass(frozen=True, slots=True)
class PastRepository:
    """A repository that was removed; `releases` counts them. `waits_for`: why its bundle is not
    free yet, None where it is. `deleted_dags`: how many of its DAGs Airflow was made to forget;
    None where nobody wished that."""

    name: str
    namespace: str
    environment: str
    url: str
    removed_at: datetime
    removed_by: str | None
    reason: str | None
    releases: int
    waits_for: str | None
    deleted_dags: int | None


def begin_removal(
    connection: Connection,
    repository_id: RepositoryId,
    actor: str,
    *,
    reason: str = "",
    drain: timedelta | None = DRAIN,
    delete_dags: bool = False,
) -> bool:
    """Set a repository on its way to be removed; False where it was already. Nothing is polled or
    deployed from here on: the job that works on it loses its lease, and nobody may call for it. The
    tick does the rest. Runs get the time `drain` to end; None: no time. With `delete_dags` Airflow
    is made to forget its DAGs before it is history."""
    columns = t.repository.c
    query = sa.update(t.repository).where(
        columns.id == repository_id, columns.removing_at.is_(None)
    )
    begun = query.values(
        removing_at=sa.func.now(),
        removed_by=actor,
        remove_reason=reason,
        drain_until=None if drain is None else sa.func.now() + drain,
        delete_dags=delete_dags,
        lease_epoch=columns.lease_epoch + 1,
    )
    has_begun = bool(connection.execute(begun).rowcount)
    remove_webhooks(connection, repository_id)
    return has_begun


def list_removals(connection: Connection) -> list[Removal]:
    """The repositories that are being removed, the oldest removal first."""
    c, b = t.repository.c, t.bundle.c
    query = (
        sa.select(
            c.id,
            b.name,
            b.release_id,
            sa.extract("epoch", sa.func.now() - b.draining_at),
            sa.func.coalesce(c.drain_until > sa.func.now(), False),
            c.delete_dags,
            c.deleted_dags,
            c.removed_by,
        )
        .outerjoin(t.bundle, b.repository_id == c.id)
        .where(c.removing_at.is_not(None), c.removed_at.is_(None))
        .order_by(c.removing_at)
    )
    rows = connection.execute(query).all()
    return [Removal(get_repository_by_id(connection, row[0]), *row[1:]) for row in rows]


def wish_dags_deleted(connection: Connection, repository_id: RepositoryId, wished: bool) -> bool:
    """Keep whether a repository that is being removed takes its DAGs along; False where that is
    no change, or it is history already."""
    c = t.repository.c
    query = sa.update(t.repository).where(
        c.id == repository_id,
        c.removing_at.is_not(None),
        c.removed_at.is_(None),
        c.delete_dags.is_not(wished),
    )
    return bool(connection.execute(query.values(delete_dags=wished)).rowcount)


def note_deleted(connection: Connection, repository_id: RepositoryId, count: int) -> None:
    """Keep how many DAGs Airflow is made to forget."""
    query = sa.update(t.repository).where(t.repository.c.id == repository_id)
    connection.execute(query.values(deleted_dags=count))


def count_deleted(connection: Connection, repository_id: RepositoryId) -> int | None:
    """How many DAGs Airflow is made to forget; None where none are, or that was taken back."""
    c = t.repository.c
    query = sa.select(c.deleted_dags).where(c.id == repository_id, c.delete_dags)
    return connection.execute(query).scalar_one_or_none()


def note_removal(
    connection: Connection, repository_id: RepositoryId, waits_for: str | None
) -> bool:
    """Note what a removal waits for; False if that is no news."""
    query = sa.update(t.repository).where(
        t.repository.c.id == repository_id,
        t.repository.c.removal_waits_for.is_distinct_from(waits_for),
    )
    return bool(connection.execute(query.values(removal_waits_for=waits_for)).rowcount)


def unbind_bundle(connection: Connection, repository_id: RepositoryId) -> None:
    """Decide that the repository's bundle shows nothing any more. The bundle stays its own until
    `free_bundle`."""
    d = t.deployment.c
    open_states = [state for state in DeploymentState if state.is_open]
    connection.execute(
        sa.update(t.bundle)
        .where(t.bundle.c.repository_id == repository_id)
        .values(
            release_id=None,
            drift=[],
            draining_at=sa.func.coalesce(t.bundle.c.draining_at, sa.func.now()),
        )
    )
    connection.execute(
        sa.update(t.deployment)
        .where(d.repository_id == repository_id, d.state.in_(open_states))
        .values(state=DeploymentState.SUPERSEDED)
    )


def mark_removed(connection: Connection, repository_id: RepositoryId) -> bool:
    """Make the repository history, and forget its credential where nobody else uses it; False
    where it was already."""
    c = t.repository.c
    credential_id = connection.execute(
        sa.select(c.credential_id).where(c.id == repository_id).with_for_update()
    ).scalar_one()
    query = sa.update(t.repository).where(c.id == repository_id, c.removed_at.is_(None))
    removed = query.values(removed_at=sa.func.now(), credential_id=None, removal_waits_for=None)
    if not connection.execute(removed).rowcount:
        return False
    if credential_id is not None:
        drop_credential(connection, credential_id)
    return True


def list_draining(connection: Connection) -> list[DrainingBundle]:
    """The bundles of removed repositories that are not free yet."""
    query = (
        sa.select(t.environment.c.name, t.bundle.c.name, t.repository.c.id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .join(t.repository, t.repository.c.id == t.bundle.c.repository_id)
        .where(t.bundle.c.draining_at.is_not(None), t.repository.c.removed_at.is_not(None))
        .order_by(t.bundle.c.draining_at)
    )
    rows = connection.execute(query).all()
    return [
        DrainingBundle(row[0], row[1], get_repository_by_id(connection, row[2])) for row in rows
    ]


def free_bundle(connection: Connection, repository_id: RepositoryId) -> bool:
    """Let another repository have the bundle; False where it is not draining."""
    query = sa.update(t.bundle).where(
        t.bundle.c.repository_id == repository_id,
        t.bundle.c.draining_at.is_not(None),
        t.bundle.c.release_id.is_(None),
    )
    return bool(connection.execute(query.values(repository_id=None, draining_at=None)).rowcount)


def list_removed(connection: Connection, limit: int) -> list[PastRepository]:
    """The repositories that were removed, newest first."""
    c = t.repository.c
    releases = sa.select(sa.func.count()).where(t.release.c.repository_id == c.id)
    query: sa.Select[Any] = (
        sa.select(
            c.name,
            c.namespace,
            t.environment.c.name,
            c.url,
            c.removed_at,
            c.removed_by,
            c.remove_reason,
            releases.scalar_subquery(),
            c.removal_waits_for,
            sa.case((c.delete_dags, c.deleted_dags)),
        )
        .join(t.environment, t.environment.c.id == c.environment_id)
        .where(c.removed_at.is_not(None))
        .order_by(c.removed_at.desc())
        .limit(limit)
    )
    return [PastRepository(*row) for row in connection.execute(query)]
