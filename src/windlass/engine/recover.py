"""The content of an older release, also where its tree left the store."""

import contextlib
from collections.abc import Iterable

from windlass.artifacts.tree import ContentSource
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import AppError, Conflict
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import Lease
from windlass.engine.context import Context
from windlass.engine.fetch import fetch
from windlass.git.mirror import Mirror


def content_of(
    context: Context, lease: Lease, wanted: Release, artifact: Artifact, current: Release
) -> ContentSource:
    """Reads the files of `wanted`, whose artifact that is: from its tree, from that of `current`,
    else from the mirror, which is fetched for it where it has lost them.

    What it gives is compared with the digests of the artifact by who asks. Raises Conflict REL016
    where a file is gone from all of them.
    """
    mirror = context.mirror_of(lease.repository)
    at_hand: dict[str, bytes] = {}
    if not context.store.tree(wanted.id).is_dir():
        with context.database.transaction() as connection:
            known = context.artifact_of(connection, current).files
        lost = [one for path, one in artifact.files.items() if known.get(path) != one]
        at_hand = _read_all(context, lease, mirror, lost)

    def read(entry: FileEntry) -> bytes:
        content = at_hand.get(entry.digest)
        if content is None:
            content = _from_store(context, entry, (wanted.id, current.id))
        if content is None:
            content = mirror.find_blob(entry.blob)
        if content is None or digest_bytes(content) != entry.digest:
            raise _is_gone(lease, wanted, entry.path)
        return content

    return read


def _from_store(context: Context, entry: FileEntry, releases: Iterable[ReleaseId]) -> bytes | None:
    for release_id in releases:
        with contextlib.suppress(Conflict):  # gone, or changed by hand
            return context.store.read_file(release_id, entry)
    return None


def _read_all(
    context: Context, lease: Lease, mirror: Mirror, entries: list[FileEntry]
) -> dict[str, bytes]:
    """Digest → content, in one git process; what the mirror has lost is left out."""
    blobs = {entry.blob: entry.digest for entry in entries}
    for is_fetched in (False, True):
        with contextlib.suppress(AppError):  # the mirror lost some of it; the remote may have it
            return {blobs[oid]: content for oid, content in mirror.read_blobs(blobs)}
        if not is_fetched:
            with contextlib.suppress(AppError):
                fetch(context, lease)
    return {}


def _is_gone(lease: Lease, wanted: Release, path: str) -> Conflict:
    return Conflict(
        "REL016",
        f"{path!r} of release #{wanted.id} is gone from the store, the mirror and the remote",
        "Roll back to another release: windlass release list " + lease.repository.name,
    )
