"""The artifact: the immutable file tree made from one revision, described by a manifest."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from windlass.domain.digest import digest_json

FILE_MODES = (0o444, 0o555)
"""What files become in a release tree: read-only, executable or not. Folders are 0755."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a plain reading of one Python file says, without running it.

    `dag_ids` are the literal ones that importing the file makes. `is_candidate` says that Airflow
    takes it for a DAG file (its safe mode), whether or not a plain reading finds ids. `imports`
    are absolute module names, the relative ones already resolved. `mentions` are the file names
    and patterns in its string literals.
    """

    dag_ids: tuple[str, ...] = ()
    is_candidate: bool = False
    imports: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        return [self.dag_ids, self.is_candidate, self.imports, self.mentions]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Outline":
        dag_ids, is_candidate, imports, mentions = row
        return cls(tuple(dag_ids), bool(is_candidate), tuple(imports), tuple(mentions))


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact: `path` relative to the DAG root with `/`, `digest` of its content.

    `mode` is one of FILE_MODES, `blob` the git object it came from, `size_bytes` its length,
    `outline` None where it is not Python.
    """

    path: str
    mode: int
    digest: str
    blob: str
    size_bytes: int
    outline: Outline | None = None

    @property
    def content_key(self) -> tuple[int, str]:
        """Two entries with the same key are the same file on disk."""
        return self.mode, self.digest


@dataclass(frozen=True)
class Artifact:
    """The files of one artifact by path."""

    files: Mapping[str, FileEntry] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Names the artifact: over path, mode and content digest of every file, nothing else."""
        return digest_json([[f.path, f.mode, f.digest] for f in self._ordered()])

    @property
    def size_bytes(self) -> int:
        return sum(f.size_bytes for f in self.files.values())

    @property
    def dag_files(self) -> dict[str, Outline]:
        """The outlines of the files that Airflow takes for DAG files, by path."""
        return {
            path: entry.outline
            for path, entry in self.files.items()
            if entry.outline is not None and entry.outline.is_candidate
        }

    @property
    def dag_ids(self) -> frozenset[str]:
        """The literal dag_ids of all files."""
        return frozenset(i for outline in self.dag_files.values() for i in outline.dag_ids)

    def manifest(self) -> dict[str, Any]:
        """The manifest as plain data (docs/contract/manifest.md), files ordered by path."""
        rows = [
            {
                "path": f.path,
                "mode": f"{f.mode:04o}",
                "digest": f.digest,
                "size_bytes": f.size_bytes,
                "dag_ids": list(f.outline.dag_ids) if f.outline else [],
            }
            for f in self._ordered()
        ]
        return {"format": 1, "digest": self.digest, "files": rows}

    def pack(self) -> bytes:
        """The artifact with its outlines, compressed, for the database."""
        rows = [
            [
                f.path,
                f.mode,
                f.digest,
                f.blob,
                f.size_bytes,
                f.outline.to_json() if f.outline else None,
            ]
            for f in self._ordered()
        ]
        return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), level=1)

    @classmethod
    def unpack(cls, packed: bytes) -> "Artifact":
        """The inverse of `pack`."""
        rows = json.loads(zlib.decompress(packed))
        return cls(
            {
                path: FileEntry(
                    path, mode, digest, blob, size, Outline.from_json(outline) if outline else None
                )
                for path, mode, digest, blob, size, outline in rows
            }
        )

    def _ordered(self) -> list[FileEntry]:
        return [self.files[path] for path in sorted(self.files)]


@dataclass(frozen=True, slots=True)
class Changes:
    """How an artifact differs from the one it replaces, by path.

    `parsed_again` are the DAG files that Airflow must read again: changed ones, new ones, and
    those that import or mention something that changed. It never holds a removed path.
    """

    added: frozenset[str]
    modified: frozenset[str]
    removed: frozenset[str]
    parsed_again: frozenset[str]


EMPTY = Artifact()
