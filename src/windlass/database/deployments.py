"""Bundles of the pool and deployments: which release each bundle must show."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.environments import is_there
from windlass.domain.environment import Target
from windlass.domain.errors import Conflict
from windlass.domain.release import DeploymentState, Release, ReleaseId
from windlass.domain.repository import Lease, Repository, RepositoryId

_OPEN = [state for state in DeploymentState if state.is_open]


@dataclass(frozen=True, slots=True)
class Binding:
    """What the pointer of one bundle must say; `release_id` None means unbound.

    `is_pending`: nobody noted yet that the pointer says so. `is_draining`: it was unbound on
    purpose, since its repository is being removed. With the target `folder` the pointer is a link
    of the bundle's name.
    """

    environment: str
    bundle: str
    release_id: ReleaseId | None
    is_pending: bool
    target: Target = Target.BUNDLE
    is_draining: bool = False


def environment_uuids(connection: Connection) -> dict[str, str]:
    """Environment name → uuid."""
    query = sa.select(t.environment.c.name, t.environment.c.uuid).where(is_there())
    return {row.name: row.uuid for row in connection.execute(query)}


def bind_bundle(connection: Connection, lease: Lease) -> str:
    """The name of the repository's bundle: the one it has, else the one of its own name if that is
    free, else a free one; of its team, if it has one, or of no team. Conflict DEP001 where none is
    free.

    With the target `folder` there is no pool: the bundle is made here, `<namespace>/<repository>`.
    """
    b, repository = t.bundle.c, lease.repository
    mine = sa.select(b.name).where(b.repository_id == repository.id)
    name = connection.execute(mine).scalar_one_or_none()
    if name is not None:
        return str(name)
    environment = sa.select(t.environment.c.id, t.environment.c.target)
    named = environment.where(t.environment.c.name == repository.environment)
    here = connection.execute(named).one()
    if here.target == Target.FOLDER:
        return _make_place(connection, here.id, repository)
    own_name_first = b.name != repository.name
    free = (
        sa.select(b.id)
        .join(t.environment, t.environment.c.id == b.environment_id)
        .where(
            t.environment.c.name == repository.environment,
            b.repository_id.is_(None),
            b.team.is_not_distinct_from(repository.options.team),
        )
        .order_by(own_name_first, b.name)
        .limit(1)
        .with_for_update(of=t.bundle, skip_locked=True)
    )
    bind = (
        sa.update(t.bundle)
        .where(b.id == free.scalar_subquery())
        .values(repository_id=repository.id)
        .returning(b.name)
    )
    bound = connection.execute(bind).scalar_one_or_none()
    if bound is None:
        raise _no_bundle(connection, repository)
    return str(bound)


def _make_place(connection: Connection, environment_id: int, repository: Repository) -> str:
    """A bundle for the repository's folder, or the one that a removed repository left there."""
    name = f"{repository.namespace}/{repository.name}"
    new = insert(t.bundle).values(
        environment_id=environment_id, name=name, repository_id=repository.id
    )
    free = t.bundle.c.repository_id.is_(None)
    taken = new.on_conflict_do_update(
        index_elements=["environment_id", "name"],
        set_={"repository_id": repository.id},
        where=sa.and_(free, t.bundle.c.draining_at.is_(None)),
    )
    if connection.execute(taken.returning(t.bundle.c.id)).scalar_one_or_none() is None:
        raise Conflict(
            "DEP001",
            f"the folder {name!r} is that of a repository which is being removed",
            "Wait until its runs have ended, or give the repository another name.",
        )
    return name


def find_bundle(connection: Connection, repository_id: RepositoryId) -> str | None:
    """The name of the repository's bundle, or None."""
    query = sa.select(t.bundle.c.name).where(t.bundle.c.repository_id == repository_id)
    return connection.execute(query).scalar_one_or_none()


def count_team_bundles(
    connection: Connection, environment: str, team: str | None
) -> tuple[int, int, int]:
    """How many bundles an environment has for a team (None: for repositories of no team), how many
    of them are bound, and how many of those are not free yet though their repository is gone."""
    b = t.bundle.c
    query = (
        sa.select(
            sa.func.count(),
            sa.func.count(b.repository_id),
            sa.func.count(b.draining_at),
        )
        .join(t.environment, t.environment.c.id == b.environment_id)
        .where(
            t.environment.c.name == environment,
            t.environment.c.target == Target.BUNDLE,  # a folder has room for all
            b.team.is_not_distinct_from(team),
        )
    )
    total, bound, draining = connection.execute(query).one()
    return total, bound, draining


def _no_bundle(connection: Connection, repository: Repository) -> Conflict:
    team, environment = repository.options.team, repository.environment
    total, _, draining = count_team_bundles(connection, environment, team)
    whose = f"for the team {team!r}" if team else "for repositories of no team"
    leaving = f", {draining} of them until runs of a removed repository end" if draining else ""
    option = f"--team {team}={total + 1}" if team else f"--bundles {max(2 * total, 1)}"
    return Conflict(
        "DEP001",
        f"no bundle is free in the environment {environment!r}: all {total} {whose} are in use"
        + leaving,
        f"Make more: windlass environment set {environment} {option}, then give Airflow the new "
        "`windlass airflow config`. Or remove a repository.",
    )


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
        noticed_at=_noticed_at(release),
    )
    return int(connection.execute(query.returning(t.deployment.c.id)).scalar_one())


def _noticed_at(release: Release) -> sa.ScalarSelect[Any]:
    """When the head that is deployed was noticed; NULL where its revision was released before,
    since nobody pushed anything then."""
    r = t.release.c
    before = sa.exists().where(
        r.repository_id == release.repository_id,
        r.revision == release.revision,
        r.id != release.id,
    )
    query = sa.select(t.repository.c.noticed_at).where(
        t.repository.c.id == release.repository_id,
        t.repository.c.noticed_revision == release.revision,
        ~before,
    )
    return query.scalar_subquery()


def lock_binding(connection: Connection, environment: str, bundle: str) -> Binding:
    """What the bundle's pointer must say, locked until the transaction ends."""
    query = _bindings().where(t.environment.c.name == environment, t.bundle.c.name == bundle)
    row = connection.execute(query.with_for_update(of=t.bundle)).one()
    return _binding(row)


def find_binding(connection: Connection, environment: str, bundle: str) -> Binding:
    """What the bundle's pointer must say, as it was committed last; nothing is locked."""
    query = _bindings().where(t.environment.c.name == environment, t.bundle.c.name == bundle)
    return _binding(connection.execute(query).one())


def bound_repository(connection: Connection, environment: str, bundle: str) -> RepositoryId | None:
    """The repository that the bundle serves, or None."""
    query = (
        sa.select(t.bundle.c.repository_id)
        .join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
        .where(t.environment.c.name == environment, t.bundle.c.name == bundle)
    )
    return connection.execute(query).scalar_one_or_none()


def list_bindings(connection: Connection) -> list[Binding]:
    """What every pointer must say."""
    return [_binding(row) for row in connection.execute(_bindings())]


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


def _binding(row: Any) -> Binding:
    environment, bundle, release_id, is_pending, target, is_draining = row
    return Binding(environment, bundle, release_id, is_pending, Target(target), is_draining)


def _bindings() -> sa.Select[Any]:
    pending = sa.exists().where(
        t.deployment.c.release_id == t.bundle.c.release_id,
        t.deployment.c.state == DeploymentState.PENDING,
    )
    return sa.select(
        t.environment.c.name,
        t.bundle.c.name.label("bundle"),
        t.bundle.c.release_id,
        pending.label("is_pending"),
        t.environment.c.target,
        t.bundle.c.draining_at.is_not(None).label("is_draining"),
    ).join(t.environment, t.environment.c.id == t.bundle.c.environment_id)
