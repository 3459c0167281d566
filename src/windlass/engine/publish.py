"""Step 4: release and publish. An allowed artifact gets a number, a tree and a bundle's pointer.

The order is what makes a crash harmless. The tree is complete on disk before any row names it; the
rows of release and deployment appear in one transaction; the pointer is a projection of them that
the tick repairs. Every transaction holds the lease.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from windlass.artifacts.store import ContentSource
from windlass.database.claims import claim, lock_claims
from windlass.database.deployments import (
    bind_bundle,
    lock_binding,
    mark_published,
    open_deployment,
)
from windlass.database.releases import (
    find_current,
    insert_release,
    put_artifact,
    reserve_release_id,
)
from windlass.database.repositories import hold_lease
from windlass.domain.artifact import Artifact
from windlass.domain.dependents import changes_between
from windlass.domain.events import Event
from windlass.domain.policy import Allowed
from windlass.domain.release import Cause, Release
from windlass.domain.repository import CommitSha, Lease
from windlass.engine.context import Context, tell


def publish(
    context: Context,
    lease: Lease,
    _allowed: Allowed,
    artifact: Artifact,
    revision: CommitSha,
    *,
    content: ContentSource,
    cause: Cause,
    also: Callable[[Connection, Release], None] = lambda *_: None,
) -> Release:
    """Make the artifact a release and its repository's bundle point to it.

    An Allowed verdict must be shown. `also` writes what must hold together with the release, in
    its transaction. Raises LeaseLost, Conflict DEP001 where no bundle is free and DEP002 where
    another repository owns a dag_id, and what the store raises; the pointer then still names the
    release before.
    """
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        bundle = bind_bundle(connection, lease)
        release_id = reserve_release_id(connection)
        current = find_current(connection, lease.repository.id)
        base = context.artifact_of(connection, current)
    changes = changes_between(base, artifact)
    shared = (current.id, base) if current else None
    context.store.write_release(release_id, artifact, changes, shared, content)
    release = Release(
        id=release_id,
        repository_id=lease.repository.id,
        artifact_digest=artifact.digest,
        revision=revision,
        content_of=cause.content_of,
        actor=cause.actor,
        reason=cause.reason,
        created_at=datetime.now(UTC),
    )
    with context.database.transaction() as connection:
        lock_claims(connection, lease.repository)
        hold_lease(connection, lease)
        put_artifact(connection, context.artifacts.keep(artifact))
        insert_release(connection, release)
        claim(connection, lease.repository, artifact.dag_ids)
        open_deployment(connection, lease, release, current)
        tell(
            connection,
            Event.RELEASE_PUBLISHED,
            lease.repository,
            revision=revision,
            release_id=release_id,
            bundle=bundle,
            parsed_again=len(changes.parsed_again),
        )
        also(connection, release)
    project_pointer(context, lease.repository.environment, bundle)
    return release


def project_pointer(context: Context, environment: str, bundle: str) -> bool:
    """Make the pointer on disk say what the database says; False if it did already.

    Holds the bundle's row meanwhile, so that two processes cannot write one pointer in turn.
    """
    with context.database.transaction() as connection:
        binding = lock_binding(connection, environment, bundle)
        flipped = context.store.write_pointer(environment, bundle, binding.release_id)
        if binding.release_id is not None:
            mark_published(connection, binding.release_id)
    context.published.set()
    return flipped
