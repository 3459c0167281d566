"""Step 2: build. From a revision to an artifact and its findings, in one reading of the tree.

What the base artifact already holds under the same blob and kind is neither read nor checked
again, so a one-file commit costs one file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from windlass.checks.intake import MAX_TREE_FILES, is_read, resolve_link
from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.repository import Lease, Revision
from windlass.domain.tree import Kind, TreeEntry
from windlass.engine.context import Context
from windlass.git.mirror import Mirror, mirror_of

_MAX_LINKS_BYTES = 2_000_000
_TOO_LARGE = Finding(
    "INT011",
    Severity.HIGH,
    FindingType.INTAKE,
    "",
    f"the tree has more than {MAX_TREE_FILES:,} files, or its paths or its symlinks are too long "
    "to be listed",
    "Register the folder with the DAGs as the repository's path.",
)


@dataclass(frozen=True, slots=True)
class Build:
    """An artifact that may still be refused. `fresh` maps digests to the contents that were read;
    contents that the base artifact shares are not among them."""

    revision: Revision
    artifact: Artifact
    findings: tuple[Finding, ...]
    fresh: Mapping[str, bytes]


def build(
    context: Context,
    lease: Lease,
    revision: Revision,
    base: Artifact = EMPTY,
    recheck: frozenset[str] = frozenset(),
) -> Build:
    """Read and check the tree of a revision.

    `base` is an artifact that was allowed by the same checks; files in `recheck` are checked again
    all the same, since they have findings that must be told again. Raises Invalid GIT005 where the
    DAG root is missing.
    """
    mirror = mirror_of(context.mirrors, lease.repository.id)
    listed = _list(mirror, revision, lease.repository.path)
    if listed is None:
        return Build(revision, EMPTY, (_TOO_LARGE,), {})
    resolved = {path: resolve_link(entry, listed) for path, entry in listed.items()}
    kept = {
        path: known
        for path, entry in resolved.items()
        if entry and (known := _known(base, path, entry)) and path not in recheck
    }
    changed = [path for path in listed if path not in kept]
    whole = context.checker.judge_tree(listed, changed)
    if any(finding.severity.rank >= Severity.HIGH.rank for finding in whole.findings):
        # Too large, too many or of a forbidden kind: not to be read at all.
        return Build(revision, EMPTY, whole.findings, {})
    wanted = {path: entry for path in changed if (entry := resolved[path])}
    contents = dict(mirror.read_blobs(entry.oid for entry in wanted.values()))
    files = {path: _file(path, entry, contents[entry.oid]) for path, entry in wanted.items()}
    judged = context.checker.judge_files(
        {path: contents[entry.oid] for path, entry in wanted.items() if is_read(path)}
    )
    findings = [*whole.findings, *(f for j in judged.values() for f in j.findings)]
    files |= {path: replace(files[path], outline=j.outline) for path, j in judged.items()}
    fresh = {files[path].digest: contents[entry.oid] for path, entry in wanted.items()}
    artifact = Artifact({path: (kept.get(path) or files[path]) for path in sorted(kept | files)})
    return Build(revision, artifact, tuple(findings), fresh)


def _list(mirror: Mirror, revision: Revision, path: str) -> dict[str, TreeEntry] | None:
    """The tree by path, symlinks with their targets; None where it is too large to be judged."""
    rows = mirror.list_tree(revision.sha, path, MAX_TREE_FILES)
    if rows is None:
        return None
    entries = {entry.path: entry for entry in rows}
    links = [entry for entry in rows if entry.kind is Kind.SYMLINK]
    short = [link for link in links if link.size_bytes <= 4096]
    if sum(link.size_bytes for link in short) > _MAX_LINKS_BYTES:
        return None
    targets = dict(mirror.read_blobs(link.oid for link in short))
    for link in links:
        target = targets.get(link.oid, b"").decode("utf-8", "replace")
        entries[link.path] = link._replace(target=target)
    return entries


def _known(base: Artifact, path: str, entry: TreeEntry) -> FileEntry | None:
    known = base.files.get(path)
    same = known and known.blob == entry.oid and known.mode == _mode(entry)
    return known if same else None


def _file(path: str, entry: TreeEntry, content: bytes) -> FileEntry:
    return FileEntry(path, _mode(entry), digest_bytes(content), entry.oid, len(content))


def _mode(entry: TreeEntry) -> int:
    return 0o555 if entry.kind is Kind.EXECUTABLE else 0o444
