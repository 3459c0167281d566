"""Step 4: release and publish. An allowed artifact gets a number, a tree and a bundle's pointer.

The order is what makes a crash harmless. The tree is complete on disk before any row names it; the
rows of release and deployment appear in one transaction; the pointer is a projection of them that
the tick repairs. Every transaction holds the lease.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from windlass.artifacts.folder import write_link
from windlass.artifacts.renew import renew_times
from windlass.artifacts.tree import ContentSource
from windlass.database.artifacts import put_artifact
from windlass.database.claims import claim, lock_claims, own_ids
from windlass.database.deployments import (
    bind_bundle,
    count_team_bundles,
    environment_uuids,
    lock_binding,
    mark_published,
    open_deployment,
)
from windlass.database.environments import get_environment
from windlass.database.installations import refuse_taken
from windlass.database.observations import observed_dags
from windlass.database.releases import (
    find_current,
    find_verdict_of,
    insert_release,
    reserve_release_id,
)
from windlass.database.repositories import hold_lease
from windlass.database.wishes import record_wishes, rivals_of
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.dependents import changes_between
from windlass.domain.environment import FULL_POOL, Target, folder_of
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.moves import made_at_run_time
from windlass.domain.policy import Allowed
from windlass.domain.release import Cause, Release
from windlass.domain.repository import CommitSha, Lease, Repository
from windlass.engine.context import Context, tell
from windlass.engine.measures import phase
from windlass.engine.seal import seal_of
from windlass.engine.supersede import supersede_moved

Also = Callable[[Connection, Release], None]


@dataclass(frozen=True, slots=True)
class _Written:
    """A release whose tree is on disk and which no row names yet. `replaces` is the current one."""

    release: Release
    allowed: Allowed
    artifact: Artifact
    replaces: Release | None
    bundle: str
    parsed_again: int


@phase("publish")
def publish(
    context: Context,
    lease: Lease,
    allowed: Allowed,
    artifact: Artifact,
    revision: CommitSha,
    *,
    content: ContentSource,
    cause: Cause,
    also: Also = lambda *_: None,
) -> Release:
    """Make the artifact a release and its repository's bundle point to it.

    An Allowed verdict must be shown; the release is signed with it. `also` writes what must hold
    together with the release, in its transaction. Raises LeaseLost, Conflict DEP001 where no bundle
    is free, DEP002 where another repository owns a dag_id and DEP007 where the Airflow is that of
    another environment, and what the store raises; the pointer then still names the release before.
    """
    written = _write(context, lease, allowed, artifact, revision, content=content, cause=cause)
    with context.database.transaction() as connection:
        lock_claims(connection, lease.repository)
        hold_lease(connection, lease)
        _insert(connection, context, written)
        _decide(connection, context, lease, written)
        also(connection, written.release)
    project_pointer(context, lease.repository.environment, written.bundle)
    return written.release


def prepare(
    context: Context,
    lease: Lease,
    allowed: Allowed,
    artifact: Artifact,
    revision: CommitSha,
    *,
    content: ContentSource,
    cause: Cause,
    also: Also,
) -> Release:
    """Make the artifact a release that `deploy` may deploy later; raises as `publish` does."""
    written = _write(context, lease, allowed, artifact, revision, content=content, cause=cause)
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        _insert(connection, context, written)
        also(connection, written.release)
    return written.release


def deploy(
    context: Context, lease: Lease, release: Release, replaces: Release | None, *, also: Also
) -> None:
    """Make the repository's bundle point to a release that was prepared to take the place of
    `replaces`, which is still there. Raises as `publish` does."""
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        bundle = _bind(connection, lease)
        base, artifact = (context.artifact_of(connection, one) for one in (replaces, release))
        allowed = find_verdict_of(connection, release)
    changes = changes_between(base, artifact, folder_of(bundle))
    fresh = changes.added | changes.modified | changes.parsed_again
    renew_times(context.store, release.id, replaces.id if replaces else None, fresh)
    written = _Written(release, allowed, artifact, replaces, bundle, len(changes.parsed_again))
    with context.database.transaction() as connection:
        lock_claims(connection, lease.repository)
        hold_lease(connection, lease)
        _decide(connection, context, lease, written)
        also(connection, release)
    project_pointer(context, lease.repository.environment, bundle)


def _write(
    context: Context,
    lease: Lease,
    allowed: Allowed,
    artifact: Artifact,
    revision: CommitSha,
    *,
    content: ContentSource,
    cause: Cause,
) -> _Written:
    """Bring a new release to the disk."""
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        bundle = _bind(connection, lease)
        environment_id = environment_uuids(connection)[lease.repository.environment]
        environment = get_environment(connection, lease.repository.environment)
        release_id = reserve_release_id(connection)
        current = find_current(connection, lease.repository.id)
        base = context.artifact_of(connection, current)
    told = context.store.read_pointer(lease.repository.environment, bundle)
    if told is not None and told > (current.id if current else 0):
        # Of a time that a restore undid: Airflow knows other files than ours, so all are new to it.
        current, base = None, EMPTY
    release = Release(
        id=release_id,
        repository_id=lease.repository.id,
        artifact_digest=artifact.digest,
        revision=revision,
        content_of=cause.content_of,
        actor=cause.actor,
        reason=cause.reason,
        created_at=datetime.now(UTC),
        validated=allowed.validated,
    )
    changes = changes_between(base, artifact, folder_of(bundle))
    shared = (current.id, base) if current else None
    seal = seal_of(
        context.release_key,
        lease.repository,
        release,
        allowed,
        environment_id=environment_id,
        bundle=bundle,
        new_dags=environment.new_dags_of(lease.repository.options),
    )
    context.store.write_release(release_id, artifact, changes, shared, content, seal=seal)
    return _Written(release, allowed, artifact, current, bundle, len(changes.parsed_again))


def _bind(connection: Connection, lease: Lease) -> str:
    """The repository's bundle; told where it leaves few to others. Conflict DEP007 where the
    environment's Airflow is known to be another one's."""
    repository = lease.repository
    refuse_taken(connection, repository.environment)
    team = repository.options.team
    before = count_team_bundles(connection, repository.environment, team)
    bundle = bind_bundle(connection, lease)
    total, used, _ = count_team_bundles(connection, repository.environment, team)
    if total and used > before[1] and used >= FULL_POOL * total:
        tell(connection, Event.POOL_FILLING, repository, bundle=bundle, used=used, total=total)
    return bundle


def _insert(connection: Connection, context: Context, written: _Written) -> None:
    put_artifact(connection, context.artifacts.keep(written.artifact))
    insert_release(connection, written.release, written.allowed)


def _decide(connection: Connection, context: Context, lease: Lease, written: _Written) -> None:
    """Claim the ids, and decide that the release takes the place of the current one."""
    repository, release = lease.repository, written.release
    base = context.artifact_of(connection, written.replaces)
    kept = made_at_run_time(observed_dags(connection, repository.id), base, written.artifact)
    _refuse_outranked(connection, repository, written.artifact)
    claim(connection, repository, written.artifact.dag_ids | kept)
    record_wishes(connection, repository, {})
    open_deployment(connection, lease, release, written.replaces)
    tell(
        connection,
        Event.RELEASE_PUBLISHED,
        repository,
        revision=release.revision,
        release_id=release.id,
        bundle=written.bundle,
        parsed_again=written.parsed_again,
        **_marks(written.allowed),
    )
    supersede_moved(connection, context, repository, release)


def _marks(allowed: Allowed) -> dict[str, object]:
    """What history says of a release that is not all of its revision, or was not looked at by
    all families of checks."""
    marks: dict[str, object] = {} if allowed.validated else {"validated": False}
    if allowed.is_partial:
        marks |= {"kept": len(allowed.kept), "omitted": len(allowed.omitted)}
    return marks


def _refuse_outranked(connection: Connection, repository: Repository, artifact: Artifact) -> None:
    """Raise Conflict DEP006 where somebody that comes first was judged since, and wants an id that
    this repository does not own yet."""
    rivals = rivals_of(connection, repository, artifact.dag_ids)
    if not rivals:  # as nearly always, and then what it owns need not be read
        return
    if new := rivals.keys() - own_ids(connection, repository):
        dag_id = min(new)
        rival = rivals[dag_id]
        raise Conflict(
            "DEP006",
            f"the dag_id {dag_id!r} is wanted by the repository {rival!r} too (its file "
            f"{rival.path}), which comes first by priority or name",
            "Give the DAG another id, or remove it there first.",
        )


def project_pointer(context: Context, environment: str, bundle: str) -> bool:
    """Make the pointer on disk say what the database says; False if it did already.

    Holds the bundle's row meanwhile, so that two processes cannot write one pointer in turn.
    """
    with context.database.transaction() as connection:
        binding = lock_binding(connection, environment, bundle)
        place, wanted = (environment, bundle), binding.release_id
        if binding.target is Target.FOLDER:
            flipped = write_link(context.store, *place, wanted, unbinds=binding.is_draining)
        else:
            flipped = context.store.write_pointer(*place, wanted, unbinds=binding.is_draining)
        if binding.release_id is not None:
            mark_published(connection, binding.release_id)
    context.published.set()
    return flipped
