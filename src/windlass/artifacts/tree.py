"""Filling the folder of a release that nobody reads yet: its tree, its manifest, its chunks."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from windlass.artifacts.files import make_folder, open_folder, share, write_new
from windlass.domain.artifact import EMPTY, Artifact, Changes, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Conflict

ContentSource = Callable[[FileEntry], bytes]


@dataclass(frozen=True, slots=True)
class Base:
    """The release to share files with: its folder, and what it holds."""

    folder: str
    artifact: Artifact


def fill_release(
    folder: str, artifact: Artifact, changes: Changes, base: Base | None, content: ContentSource
) -> list[str]:
    """Write everything of a release into its folder; the paths of all that was written fresh.

    Shared with the base is what has the same content and mode there and need not be parsed again.
    Raises Conflict STORE002 where `content` gives other bytes than the artifact says.
    """
    # Text paths: a Path for each of 20,000 files would cost more than linking them.
    tree = f"{folder}/tree"
    shared, wanted = _divide(artifact, changes, base)
    for inside in ("", *_folders(artifact)):
        make_folder(f"{tree}/{inside}")
    for inside, names in shared.items():
        lost = _share_all(f"{base.folder}/tree/{inside}", f"{tree}/{inside}", names) if base else ()
        wanted += [f"{inside}/{name}" if inside else name for name in lost]
    for path in wanted:
        entry = artifact.files[path]
        text = content(entry)
        compare_digest(entry, text)
        write_new(f"{tree}/{path}", text, entry.mode)
    return [*(f"{tree}/{path}" for path in wanted), *_write_manifest(folder, artifact, base)]


def compare_digest(entry: FileEntry, content: bytes) -> None:
    """Raise Conflict STORE002 where this is not the content that the entry names."""
    if digest_bytes(content) != entry.digest:
        raise Conflict(
            "STORE002",
            f"the content of {entry.path!r} is not what the manifest says",
            "Somebody changed a release by hand; deploy the revision again by pushing a commit.",
        )


def _divide(
    artifact: Artifact, changes: Changes, base: Base | None
) -> tuple[dict[str, list[str]], list[str]]:
    """The files to share as folder → names, and the paths of all others."""
    theirs = base.artifact if base else EMPTY
    same_chunks = {id(chunk) for chunk in theirs.chunks}
    again = changes.parsed_again
    shared: dict[str, list[str]] = {}
    wanted: list[str] = []
    for chunk in artifact.chunks:
        if id(chunk) in same_chunks and again.isdisjoint(e.path for e in chunk.entries):
            for inside, names in chunk.folders.items():
                shared.setdefault(inside, []).extend(names)
            continue
        for entry in chunk.entries:
            known = theirs.files.get(entry.path)
            if known and known.content_key == entry.content_key and entry.path not in again:
                inside, _, name = entry.path.rpartition("/")
                shared.setdefault(inside, []).append(name)
            else:
                wanted.append(entry.path)
    return shared, wanted


def _folders(artifact: Artifact) -> list[str]:
    """Every folder that holds a file, parents before children."""
    found = {folder for chunk in artifact.chunks for folder in chunk.folders}
    for folder in [*found]:
        parent = folder.rpartition("/")[0]
        while parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found - {""})


def _share_all(source: str, target: str, names: Iterable[str]) -> list[str]:
    """Share files of one folder; the names that the source lost, which must be written afresh."""
    try:
        source_fd = open_folder(source)
    except OSError:  # the base lost all of the folder, or has a file or a link in its place
        return [*names]
    try:
        target_fd = open_folder(target)
        try:
            return [name for name in names if not _try_share(name, source_fd, target_fd)]
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)


def _try_share(name: str, source_fd: int, target_fd: int) -> bool:
    try:
        share(name, source_fd, target_fd)
    except FileNotFoundError:
        return False
    return True


def _write_manifest(folder: str, artifact: Artifact, base: Base | None) -> Iterator[str]:
    """Write the manifest and its chunks; the paths of the fresh ones."""
    chunks = {f"{chunk.manifest_digest}.json.gz": chunk for chunk in artifact.chunks}
    make_folder(f"{folder}/chunks")
    lost = _share_all(f"{base.folder}/chunks", f"{folder}/chunks", chunks) if base else [*chunks]
    for name in lost:
        write_new(f"{folder}/chunks/{name}", chunks[name].manifest, 0o444)
        yield f"{folder}/chunks/{name}"
    write_new(f"{folder}/manifest.json.gz", artifact.manifest, 0o444)
    yield f"{folder}/manifest.json.gz"
