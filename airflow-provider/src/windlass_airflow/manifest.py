"""Reads the manifest of a release: which files it has, each with its digest and its dag_ids.

A manifest is as good as the digest that its root was compared with; `release.py` does that.
"""

import bisect
import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

MAX_DOCUMENT_BYTES = 256 << 20
"""What a root or a chunk may become when it is unpacked. 50,000 files, the most that Windlass
takes, are 15 MB in format 1."""

_GZIP = 31  # zlib.decompressobj: a gzip header, and the largest window


class ManifestError(Exception):
    """A manifest that is missing, damaged, or of a format that this provider does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `builds_ids`: it may make DAGs whose ids only running it tells."""

    digest: str
    size_bytes: int
    is_executable: bool
    dag_ids: tuple[str, ...]
    builds_ids: bool


class Manifest:
    """The list of one release's files; chunks are read when a path of theirs is first asked for."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self._folder = folder
        document = _unpack(root, "manifest.json.gz")
        self._chunks: dict[str, dict[str, Entry]] = {}
        if document.get("format") == 1:
            self._places = [("", "")]
            self._chunks[""] = _entries(document)
        elif document.get("format") == 2:
            self._places = _places(document)
        else:
            raise ManifestError(f"the manifest has format {document.get('format')!r}")

    @property
    def chunk_digests(self) -> tuple[str, ...]:
        """The digests of all chunks, by which their files are named."""
        return tuple(digest for _, digest in self._places if digest)

    def find(self, path: str) -> Entry | None:
        """What the manifest says of a path relative to the tree; None: it is not in the release."""
        at = bisect.bisect_right(self._places, path, key=lambda place: place[0]) - 1
        return None if at < 0 else self._chunk(self._places[at][1]).get(path)

    def files(self) -> dict[str, Entry]:
        """All files by path, in order; reads every chunk."""
        found: dict[str, Entry] = {}
        for _, digest in self._places:
            found |= self._chunk(digest)
        return found

    @cached_property
    def dag_ids(self) -> frozenset[str]:
        """The literal ids of all files; reads every chunk."""
        return frozenset(dag_id for entry in self.files().values() for dag_id in entry.dag_ids)

    def _chunk(self, digest: str) -> dict[str, Entry]:
        known = self._chunks.get(digest)
        if known is None:
            name = f"chunks/{digest}.json.gz"
            try:
                content = (self._folder / name).read_bytes()
            except OSError as error:
                raise ManifestError(f"{name} cannot be read ({error.strerror})") from None
            if hashlib.sha256(content).hexdigest() != digest:
                raise ManifestError(f"{name} is not what the manifest names")
            known = self._chunks[digest] = _entries(_unpack(content, name))
        return known


def _unpack(content: bytes, name: str) -> dict[str, Any]:
    stream = zlib.decompressobj(_GZIP)
    try:
        document = json.loads(stream.decompress(content, MAX_DOCUMENT_BYTES))
    except (zlib.error, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or stream.unconsumed_tail:
        raise ManifestError(f"{name} is not gzip over a JSON object")
    return document


def _places(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(first path, digest) of each chunk, ordered by path."""
    try:
        places = [(str(c["first"]), str(c["digest"])) for c in document["chunks"]]
    except (KeyError, TypeError):
        raise ManifestError("the manifest names no chunks") from None
    if any(len(digest) != 64 or set(digest) - set("0123456789abcdef") for _, digest in places):
        raise ManifestError("the manifest names a chunk by something that is no digest")
    if places != sorted(places):
        raise ManifestError("the chunks of the manifest are not in order")
    return places


def _entries(document: dict[str, Any]) -> dict[str, Entry]:
    try:
        return {
            row["path"]: Entry(
                digest=row["digest"],
                size_bytes=int(row["size_bytes"]),
                is_executable=row["mode"] == "0555",
                dag_ids=tuple(row["dag_ids"]),
                # Windlass before signatures did not say.
                builds_ids=bool(row.get("builds_ids", True)),
            )
            for row in document["files"]
        }
    except (KeyError, TypeError, ValueError):
        raise ManifestError("the manifest has a file without path, mode, size or digest") from None
