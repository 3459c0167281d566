"""Releases again what the store shows otherwise than the database knows: after a restore, where
the store is newer; where the store lost a tree; and what an older Windlass left unsigned."""

from sqlalchemy.engine import Connection

from windlass.artifacts.folder import read_link
from windlass.artifacts.tree import ContentSource
from windlass.database.deployments import Binding, bound_repository, find_binding
from windlass.database.releases import find_current, find_verdict_of
from windlass.database.repositories import get_repository_by_id, lock_repository, take_lease
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.environment import Target
from windlass.domain.errors import Conflict
from windlass.domain.release import Cause, Release, ReleaseId
from windlass.domain.repository import Lease
from windlass.engine.context import Context
from windlass.engine.publish import publish
from windlass.git.mirror import Mirror


def told_by(context: Context, binding: Binding) -> ReleaseId | None:
    """The release that the bundle's pointer or link names now; None: none."""
    place = binding.environment, binding.bundle
    if binding.target is Target.FOLDER:
        return read_link(context.store, *place)
    return context.store.read_pointer(*place)


def is_servable(context: Context, binding: Binding, told: ReleaseId | None) -> bool:
    """Whether the pointer, which names `told` now, can be made to name the bundle's release."""
    if binding.release_id is None:
        return True
    is_reached = (told or 0) <= binding.release_id and context.store.has_release(binding.release_id)
    return is_reached and context.store.is_signed(binding.release_id)


def release_again(context: Context, binding: Binding) -> Release | None:
    """Make the content of the bundle's release a new release, numbered above what the store shows.

    The verdict that allowed it then is signed. None where nothing is bound any more, or where a
    newer release was published since `binding` was read. Raises what `publish` raises, and what
    `Mirror.read_blobs` raises, before anybody loses a lease, where content is gone.
    """
    with context.database.transaction() as connection:
        current = _current(connection, binding)
        if current is None:
            return None
        artifact = context.artifact_of(connection, current)
        repository = get_repository_by_id(connection, current.repository_id)
    content = _content(context, context.mirror_of(repository), current, artifact)
    with context.database.transaction() as connection:
        lease = _take_lease(connection, context, binding, current)
        if lease is None:
            return None
        allowed = find_verdict_of(connection, current)
    return publish(
        context,
        lease,
        allowed,
        artifact,
        current.revision,
        content=content,
        cause=Cause("windlass", _reason(context, current), content_of=current.id),
    )


def _take_lease(
    connection: Connection, context: Context, binding: Binding, current: Release
) -> Lease | None:
    """The lease, if there is still something to do: under the repository's lock nobody publishes,
    so the pointer can be no newer than the row. A sync that loses its lease is asked for again."""
    lock_repository(connection, current.repository_id)
    now = find_binding(connection, binding.environment, binding.bundle)
    if now.release_id != current.id or is_servable(context, now, told_by(context, now)):
        return None
    context.jobs.defer_sync(connection, current.repository_id)
    return take_lease(connection, current.repository_id)


def _current(connection: Connection, binding: Binding) -> Release | None:
    repository_id = bound_repository(connection, binding.environment, binding.bundle)
    return None if repository_id is None else find_current(connection, repository_id)


def _content(
    context: Context, mirror: Mirror, current: Release, artifact: Artifact
) -> ContentSource:
    """From the store what it still has, from the mirror all else, read here and now."""
    tree = context.store.tree(current.id)
    lost = [entry for entry in artifact.files.values() if not (tree / entry.path).is_file()]
    read = dict(mirror.read_blobs(entry.blob for entry in lost)) if lost else {}

    def content(entry: FileEntry) -> bytes:
        if entry.blob in read:
            return read[entry.blob]
        try:
            return context.store.read_file(current.id, entry)
        except Conflict:  # somebody changed it
            return next(text for _, text in mirror.read_blobs([entry.blob]))

    return content


def _reason(context: Context, current: Release) -> str:
    if context.store.has_release(current.id) and not context.store.is_signed(current.id):
        return f"release #{current.id} has no signature, as of a Windlass before there were any"
    return f"the store does not show release #{current.id}, as after a restore"
