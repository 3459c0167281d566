"""Bundles of the pool and deployments: which release each bundle must show, and what was seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.errors import Conflict
from windlass.domain.release import DeploymentState, Release, ReleaseId
from windlass.domain.repository import Lease, RepositoryId

_OPEN = [state for state in DeploymentState if state.is_open]
_OBSERVED = [state for state in DeploymentState if state.is_observed]


@dataclass(frozen=True, slots=True)
class Binding:
    """What the pointer of one bundle must say; `release_id` None means unbound.

    `is_pending`: nobody noted yet that the pointer says so.
    """

    environment: str
    bundle: str
    release_id: ReleaseId | None
    is_pending: bool


@dataclass(frozen=True, slots=True)
class OpenDeployment:
    """A published deployment that Airflow was not yet seen with, or was seen failing on.

    `replaces_artifact` is None for the first release. `published_at` is the database's clock.
    """

    id: int
    repository_id: RepositoryId
    repository: str
    environment: str
    bundle: str
    release_id: ReleaseId
    artifact: str
    replaces_artifact: str | None
    published_at: datetime


def declare_environment(connection: Connection, name: str, uuid: str, bundles: list[str]) -> None:
    """Make sure that the environment and its pool of bundles exist; none is ever removed here."""
    connection.execute(insert(t.environment).values(name=name, uuid=uuid).on_conflict_do_nothing())
    by_name = sa.select(t.environment.c.id).where(t.environment.c.name == name)
    environment_id = connection.execute(by_name).scalar_one()
    rows = [{"environment_id": environment_id, "name": bundle} for bundle in bundles]
    connection.execute(insert(t.bundle).values(rows).on_conflict_do_nothing())


def environment_uuids(connection: Connection) -> dict[str, str]:
    """Environment name → uuid."""
    query = sa.select(t.environment.c.name, t.environment.c.uuid)
    return {row.name: row.uuid for row in connection.execute(query)}


def bind_bundle(connection: Connection, lease: Lease) -> str:
    """The name of the repository's bundle: the one it has, else the one of its own name if that is
    free, else a free one. Conflict DEP001 where the pool is used up."""
    mine = sa.select(t.bundle.c.name).where(t.bundle.c.repository_id == lease.repository.id)
    name = connection.execute(mine).scalar_one_or_none()
    if name is not None:
        return str(name)
    own_name_first = t.bundle.c.name != lease.repository.name
    free = (
        sa.select(t.bundle.c.id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .where(
            t.environment.c.name == lease.repository.environment,
            t.bundle.c.repository_id.is_(None),
        )
        .order_by(own_name_first, t.bundle.c.name)
        .limit(1)
        .with_for_update(of=t.bundle, skip_locked=True)
    )
    bind = (
        sa.update(t.bundle)
        .where(t.bundle.c.id == free.scalar_subquery())
        .values(repository_id=lease.repository.id)
        .returning(t.bundle.c.name)
    )
    bound = connection.execute(bind).scalar_one_or_none()
    if bound is None:
        raise Conflict(
            "DEP001",
            f"no bundle is free in the environment {lease.repository.environment!r}",
            "Raise WINDLASS_BUNDLES, restart, and give Airflow the new `windlass airflow config`.",
        )
    return str(bound)


def open_deployment(
    connection: Connection, lease: Lease, release: Release, replaces: Release | None
) -> int:
    """Decide that `release` takes the place of `replaces`: the truth that pointers project.

    Whatever deployment of the repository was still open is superseded.
    """
    mine = t.deployment.c.repository_id == lease.repository.id
    connection.execute(
        sa.update(t.deployment)
        .where(mine, t.deployment.c.state.in_(_OPEN))
        .values(state=DeploymentState.SUPERSEDED)
    )
    connection.execute(
        sa.update(t.bundle)
        .where(t.bundle.c.repository_id == lease.repository.id)
        .values(release_id=release.id)
    )
    query = sa.insert(t.deployment).values(
        repository_id=lease.repository.id,
        release_id=release.id,
        replaces=replaces.id if replaces else None,
        state=DeploymentState.PENDING,
    )
    return int(connection.execute(query.returning(t.deployment.c.id)).scalar_one())


def lock_binding(connection: Connection, environment: str, bundle: str) -> Binding:
    """What the bundle's pointer must say, locked until the transaction ends."""
    query = _bindings().where(t.environment.c.name == environment, t.bundle.c.name == bundle)
    row = connection.execute(query.with_for_update(of=t.bundle)).one()
    return Binding(*row)


def list_bindings(connection: Connection) -> list[Binding]:
    """What every pointer must say."""
    return [Binding(*row) for row in connection.execute(_bindings())]


def mark_published(connection: Connection, release_id: ReleaseId) -> bool:
    """Note that the pointer names this release; False if its deployment was past that already."""
    query = (
        sa.update(t.deployment)
        .where(
            t.deployment.c.release_id == release_id,
            t.deployment.c.state == DeploymentState.PENDING,
        )
        .values(state=DeploymentState.PUBLISHED, published_at=sa.func.clock_timestamp())
    )
    return bool(connection.execute(query).rowcount)


def claim_observations(
    connection: Connection, environments: Collection[str], limit: int
) -> list[OpenDeployment]:
    """Take deployments of these environments that are due for a look at Airflow, and set when the
    next is: often in the first seconds, every ten seconds after two minutes or a failure."""
    d = t.deployment.c
    age_s = sa.func.extract("epoch", sa.func.now() - d.published_at)
    failed = d.state == DeploymentState.FAILED
    pause_s = sa.case((failed, 10.0), (age_s < 15, 0.15), (age_s < 120, 1.0), else_=10.0)
    claim = (
        sa.update(t.deployment)
        .where(d.id.in_(_due(environments, limit)))
        .values(
            next_observation_at=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, pause_s)
        )
        .returning(d.id)
    )
    claimed = list(connection.execute(claim).scalars())
    if not claimed:
        return []
    rows = connection.execute(_observed().where(d.id.in_(claimed)).order_by(d.id))
    return [OpenDeployment(*row) for row in rows]


def close_deployment(
    connection: Connection,
    deployment_id: int,
    state: DeploymentState,
    import_errors: list[dict[str, Any]] | None = None,
) -> bool:
    """Note what Airflow was seen with; False if that is no news: the deployment was in that state
    before, where only its import errors are renewed, or nothing can change it any more."""
    d = t.deployment.c
    known = sa.select(d.state).where(d.id == deployment_id, d.state.in_(_OBSERVED))
    before = connection.execute(known.with_for_update()).scalar_one_or_none()
    if before is None:
        return False
    is_live = state is DeploymentState.LIVE
    query = (
        sa.update(t.deployment)
        .where(d.id == deployment_id)
        .values(
            state=state,
            import_errors=import_errors or [],
            missing=[],
            live_at=sa.func.clock_timestamp() if is_live else None,
        )
    )
    connection.execute(query)
    return bool(before != state)


def record_missing(connection: Connection, deployment_id: int, missing: list[str]) -> None:
    """Note what a look at Airflow missed."""
    query = sa.update(t.deployment).where(t.deployment.c.id == deployment_id)
    connection.execute(query.values(missing=missing))


def _bindings() -> sa.Select[Any]:
    pending = sa.exists().where(
        t.deployment.c.release_id == t.bundle.c.release_id,
        t.deployment.c.state == DeploymentState.PENDING,
    )
    return sa.select(
        t.environment.c.name,
        t.bundle.c.name.label("bundle"),
        t.bundle.c.release_id,
        pending,
    ).join(t.environment, t.environment.c.id == t.bundle.c.environment_id)


def _due(environments: Collection[str], limit: int) -> sa.ScalarSelect[int]:
    """Ids of observed deployments whose release their bundle still names, longest due first."""
    d = t.deployment.c
    return (
        sa.select(d.id)
        .join(
            t.bundle,
            sa.and_(
                t.bundle.c.repository_id == d.repository_id, t.bundle.c.release_id == d.release_id
            ),
        )
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .where(
            d.state.in_(_OBSERVED),
            d.next_observation_at <= sa.func.now(),
            t.environment.c.name.in_(environments),
        )
        .order_by(d.next_observation_at)
        .limit(limit)
        .with_for_update(of=t.deployment, skip_locked=True)
        .scalar_subquery()
    )


def _observed() -> sa.Select[Any]:
    new, old = t.release.alias("new"), t.release.alias("old")
    return (
        sa.select(
            t.deployment.c.id,
            t.repository.c.id,
            t.repository.c.name,
            t.environment.c.name,
            t.bundle.c.name,
            t.deployment.c.release_id,
            new.c.artifact_digest,
            old.c.artifact_digest,
            t.deployment.c.published_at,
        )
        .join(new, new.c.id == t.deployment.c.release_id)
        .outerjoin(old, old.c.id == t.deployment.c.replaces)
        .join(t.repository, t.repository.c.id == t.deployment.c.repository_id)
        .join(t.bundle, t.bundle.c.repository_id == t.repository.c.id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
    )
