"""The artifact: the immutable file tree made from one revision, described by a manifest.

The manifest comes in chunks, runs of files in the order of their paths, so that artifacts which
differ in one file differ in one chunk.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from windlass.domain.digest import digest_bytes, digest_json
from windlass.domain.facts import DagFacts
from windlass.domain.imported import Seen, Use
from windlass.domain.names import NONE, Kind, Names, Need, Requirement
from windlass.domain.reach import NO_REACH, Harm, Reach
from windlass.domain.suppression import Suppression

MANIFEST_FORMAT = 2
FILE_MODES = (0o444, 0o555)
"""What files become in a release tree: read-only, executable or not. Folders are 0755."""
_CHUNK_ENDS = 127  # one path in 128 ends a chunk, by its checksum
_MAX_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Outline:
    """What a plain reading of one file says, without running it.

    `dag_ids` are the literal ones that importing the file makes. `is_candidate` says that Airflow
    takes it for a DAG file (its safe mode), whether or not a plain reading finds ids. `imports`
    are absolute module names, the relative ones already resolved. `mentions` are the file names
    and patterns in its string literals. `builds_ids` says that the file may make DAGs whose ids
    only running it tells. `names` is what it asks its surroundings for; of files that are not
    Python, all that is said. `dags` has more of those in `dag_ids`, `operators` the dotted names of
    the classes that it calls. `foreign` counts comments that ask other tools to be silent.
    `read_ids` are the literal ones where importing the file told `dag_ids`, else None; `seen` is
    what that told besides, None where it was not imported. `reach` is what it does in other files
    and they in it. `made_from` is the path of the document that a compiled file comes from, empty
    for all others.
    """

    dag_ids: tuple[str, ...] = ()
    is_candidate: bool = False
    imports: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    builds_ids: bool = False
    names: Names = NONE
    dags: tuple[DagFacts, ...] = ()
    operators: tuple[str, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    foreign: int = 0
    read_ids: tuple[str, ...] | None = None
    seen: Seen | None = None
    reach: Reach = NO_REACH
    made_from: str = ""

    def with_imported(self, dag_ids: tuple[str, ...] | None, seen: Seen | None = None) -> "Outline":
        """With the ids that importing the file made, and all that it told; None where that is not
        known, so that what a plain reading says holds."""
        read = self.dag_ids if self.read_ids is None else self.read_ids
        known = (read, None, None) if dag_ids is None else (dag_ids, read, seen)
        if known == (self.dag_ids, self.read_ids, self.seen):
            return self
        return replace(self, dag_ids=known[0], read_ids=known[1], seen=known[2])

    @property
    def judged_dags(self) -> tuple[DagFacts, ...]:
        """The DAGs as importing the file made them; else those that a plain reading finds."""
        return self.dags if self.seen is None else self.seen.dags

    @property
    def all_operators(self) -> tuple[str, ...]:
        """The classes that the file calls, and those of its tasks."""
        return self.operators if self.seen is None else (*self.operators, *self.seen.operators)

    def to_json(self) -> list[Any]:
        """As plain values; what most files have nothing of comes last, and only where it is."""
        more = {
            "names": self.names.to_json(),
            "dags": [one.to_json() for one in self.dags],
            "operators": self.operators,
            "suppressions": [one.to_json() for one in self.suppressions],
            "foreign": self.foreign,
            "made_from": self.made_from,
        }
        said = {name: value for name, value in more.items() if value}
        if self.read_ids is not None:  # also where there were none
            said["read_ids"] = self.read_ids
        if self.seen is not None:
            said["seen"] = self.seen.to_json()
        if self.reach is not NO_REACH:
            said["reach"] = self.reach.to_json()
        row = [self.dag_ids, self.is_candidate, self.imports, self.mentions, self.builds_ids]
        return [*row, said] if said else row

    @classmethod
    def from_json(cls, row: list[Any]) -> "Outline":
        """The inverse of `to_json`; of an outline that does not say, any id may come."""
        dag_ids, is_candidate, imports, mentions, *rest = row
        more = rest[1] if len(rest) > 1 else {}
        return cls(
            tuple(dag_ids),
            bool(is_candidate),
            tuple(imports),
            tuple(mentions),
            bool(rest[0] if rest else is_candidate),
            Names.from_json(more["names"]) if "names" in more else NONE,
            tuple(DagFacts.from_json(one) for one in more.get("dags", ())),
            tuple(more.get("operators", ())),
            tuple(Suppression.from_json(one) for one in more.get("suppressions", ())),
            more.get("foreign", 0),
            tuple(more["read_ids"]) if "read_ids" in more else None,
            Seen.from_json(more["seen"]) if "seen" in more else None,
            Reach.from_json(more["reach"]) if "reach" in more else NO_REACH,
            more.get("made_from", ""),
        )


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact: `path` relative to the DAG root with `/`, `digest` of its content.

    `mode` is one of FILE_MODES, `blob` the git object it came from, `size_bytes` its length,
    `outline` None where nothing is said of it.
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
class Chunk:
    """Some files of an artifact: a run of them in the order of their paths, never empty."""

    entries: tuple[FileEntry, ...]

    @cached_property
    def identity(self) -> bytes:
        """What the digest of the artifact is made from: path, mode and content digest of every
        file, as JSON without the outer brackets."""
        rows = [[f.path, f.mode, f.digest] for f in self.entries]
        return _json(rows)[1:-1]

    @cached_property
    def manifest(self) -> bytes:
        """The chunk as it lies beside the tree (docs/contract/store.md)."""
        rows = [
            {
                "path": f.path,
                "mode": f"{f.mode:04o}",
                "digest": f.digest,
                "size_bytes": f.size_bytes,
                "dag_ids": f.outline.dag_ids if f.outline else (),
                "builds_ids": f.outline.builds_ids if f.outline else False,
                **(
                    {"compiled_from": f.outline.made_from}
                    if f.outline and f.outline.made_from
                    else {}
                ),
            }
            for f in self.entries
        ]
        return _compressed({"files": rows})

    @cached_property
    def manifest_digest(self) -> str:
        """Names the chunk in the manifest, and its file."""
        return digest_bytes(self.manifest)

    @cached_property
    def key(self) -> str:
        """Names all that the chunk holds, outlines and git objects too."""
        return digest_json(self._rows())

    @cached_property
    def folders(self) -> Mapping[str, list[str]]:
        """Folder → the names of its files in it."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            folder, _, name = entry.path.rpartition("/")
            found.setdefault(folder, []).append(name)
        return found

    @cached_property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)

    @cached_property
    def dag_files(self) -> Mapping[str, Outline]:
        """As those of an artifact."""
        return {e.path: e.outline for e in self.entries if e.outline and e.outline.is_candidate}

    @cached_property
    def dag_ids(self) -> frozenset[str]:
        """As those of an artifact."""
        return frozenset(i for outline in self.dag_files.values() for i in outline.dag_ids)

    @cached_property
    def suppressions(self) -> Mapping[str, tuple[Suppression, ...]]:
        """As those of an artifact."""
        outlines = ((e.path, e.outline) for e in self.entries if e.outline)
        return {path: o.suppressions for path, o in outlines if o.suppressions}

    @cached_property
    def roots(self) -> frozenset[str]:
        """The top-level modules and packages that its files make."""
        return frozenset(root_module(entry.path) for entry in self.entries)

    @cached_property
    def imported(self) -> Mapping[str, list[tuple[str, str]]]:
        """Top-level name → each path that imports it, with the whole name that it imports."""
        found: dict[str, list[tuple[str, str]]] = {}
        for entry in self.entries:
            for name in entry.outline.imports if entry.outline else ():
                found.setdefault(name.partition(".")[0], []).append((entry.path, name))
        return found

    @cached_property
    def needs(self) -> Mapping[tuple[str, str], list[tuple[str, Need]]]:
        """(module, name from it) → each path that imports it, with how it does."""
        found: dict[tuple[str, str], list[tuple[str, Need]]] = {}
        for entry in self.entries:
            for need in entry.outline.names.needs if entry.outline else ():
                found.setdefault((need.module, need.name), []).append((entry.path, need))
        return found

    @cached_property
    def references(self) -> Mapping[tuple[Kind, str], list[tuple[str, int, bool]]]:
        """(kind, name) → path and line of each use, and whether the file goes on without it."""
        found: dict[tuple[Kind, str], list[tuple[str, int, bool]]] = {}
        for entry in self.entries:
            for one in entry.outline.names.references if entry.outline else ():
                use = (entry.path, one.line, one.has_default)
                found.setdefault((one.kind, one.name), []).append(use)
        return found

    @cached_property
    def uses(self) -> Mapping[tuple[Kind, str], list[Use]]:
        """(kind, name) → each place in which importing the files showed it in use."""
        found: dict[tuple[Kind, str], list[Use]] = {}
        for entry in self.entries:
            seen = entry.outline.seen if entry.outline else None
            for use in seen.uses if seen else ():
                found.setdefault((Kind(use.kind), use.name), []).append(use)
        return found

    @cached_property
    def import_calls(self) -> Mapping[str, tuple[tuple[str, int], ...]]:
        """Path of a DAG file → the functions of other modules that importing it calls, by line."""
        return {path: o.reach.calls for path, o in self.dag_files.items() if o.reach.calls}

    @cached_property
    def harms(self) -> Mapping[str, tuple[Harm, ...]]:
        """Path → the functions in it that do harm when they are called at import."""
        outlines = ((e.path, e.outline) for e in self.entries if e.outline)
        return {path: o.reach.harms for path, o in outlines if o.reach.harms}

    @cached_property
    def requirements(self) -> Mapping[str, tuple[Requirement, ...]]:
        """Path → what a file of requirements asks for."""
        said = {e.path: e.outline.names.requirements for e in self.entries if e.outline}
        return {path: found for path, found in said.items() if found}

    @cached_property
    def ignore_texts(self) -> Mapping[str, str]:
        """Path → the text of each `.airflowignore`."""
        said = {e.path: e.outline.names.ignore for e in self.entries if e.outline}
        return {path: text for path, text in said.items() if text}

    def pack(self) -> bytes:
        """The chunk with its outlines, compressed, for the database."""
        return zlib.compress(_json(self._rows()), level=1)

    @classmethod
    def unpack(cls, packed: bytes) -> "Chunk":
        """The inverse of `pack`; also of what held a whole artifact before there were chunks."""
        rows = json.loads(zlib.decompress(packed))
        return cls(
            tuple(
                FileEntry(
                    path, mode, digest, blob, size, Outline.from_json(outline) if outline else None
                )
                for path, mode, digest, blob, size, outline in rows
            )
        )

    def _rows(self) -> list[list[Any]]:
        return [
            [
                f.path,
                f.mode,
                f.digest,
                f.blob,
                f.size_bytes,
                f.outline.to_json() if f.outline else None,
            ]
            for f in self.entries
        ]


@dataclass(frozen=True)
class Artifact:
    """The files of one artifact by path."""

    files: Mapping[str, FileEntry] = field(default_factory=dict)

    @classmethod
    def near(cls, base: "Artifact", files: Mapping[str, FileEntry]) -> "Artifact":
        """An artifact that has much in common with `base`: chunks that both have are one object,
        so what was worked out for them once holds for both."""
        made = cls(files)
        runs = _runs(files)
        if files.keys() == base.files.keys():  # so each chunk ends where it did
            runs = ([files[entry.path] for entry in chunk.entries] for chunk in base.chunks)
        known = {chunk.entries[0].path: chunk for chunk in base.chunks}
        vars(made)["chunks"] = tuple(_chunk(run, known) for run in runs)
        return made

    @classmethod
    def join(cls, chunks: Iterable[Chunk]) -> "Artifact":
        """The artifact that these chunks make together, in their order."""
        return cls({entry.path: entry for chunk in chunks for entry in chunk.entries})

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """All files in runs, in the order of their paths. The paths alone decide where one ends,
        so equal artifacts have equal chunks, and a changed file changes one."""
        return tuple(_chunk(run, {}) for run in _runs(self.files))

    @cached_property
    def digest(self) -> str:
        """Names the artifact: over path, mode and content digest of every file, nothing else."""
        return digest_bytes(b"[" + b",".join(chunk.identity for chunk in self.chunks) + b"]")

    @property
    def size_bytes(self) -> int:
        return sum(chunk.size_bytes for chunk in self.chunks)

    @cached_property
    def dag_files(self) -> Mapping[str, Outline]:
        """The outlines of the files that Airflow takes for DAG files, by path, in order."""
        return {path: o for chunk in self.chunks for path, o in chunk.dag_files.items()}

    @cached_property
    def suppressions(self) -> Mapping[str, tuple[Suppression, ...]]:
        """Path → the comments in it that ask to let findings pass."""
        return {path: found for chunk in self.chunks for path, found in chunk.suppressions.items()}

    @cached_property
    def ignore_texts(self) -> Mapping[str, str]:
        """Path → the text of each `.airflowignore` that is not too long to be read."""
        return {path: text for chunk in self.chunks for path, text in chunk.ignore_texts.items()}

    @cached_property
    def dag_ids(self) -> frozenset[str]:
        """The literal dag_ids of all files."""
        return frozenset().union(*(chunk.dag_ids for chunk in self.chunks))

    @cached_property
    def manifest(self) -> bytes:
        """The root of the manifest, which names its chunks (docs/contract/store.md)."""
        chunks = [
            {"digest": c.manifest_digest, "first": c.entries[0].path, "files": len(c.entries)}
            for c in self.chunks
        ]
        return _compressed(
            {
                "format": MANIFEST_FORMAT,
                "digest": self.digest,
                "files": len(self.files),
                "size_bytes": self.size_bytes,
                "chunks": chunks,
            }
        )


def root_module(path: str) -> str:
    """The first part of the name under which a file would be imported.

    >>> root_module("team/rates.py"), root_module("rates.py")
    ('team', 'rates')
    """
    return path.partition("/")[0].removesuffix(".py")


def _runs(files: Mapping[str, FileEntry]) -> Iterator[list[FileEntry]]:
    """The files of each chunk."""
    run: list[FileEntry] = []
    for path in sorted(files):
        run.append(files[path])
        checksum = zlib.crc32(path.encode("utf-8", "surrogateescape"))
        if not checksum & _CHUNK_ENDS or len(run) == _MAX_CHUNK:
            yield run
            run = []
    if run:
        yield run


def _chunk(run: list[FileEntry], known: Mapping[str, Chunk]) -> Chunk:
    """A chunk of these files; one of `known`, by its first path, where that is equal."""
    entries = tuple(run)
    same = known.get(entries[0].path)
    return same if same is not None and same.entries == entries else Chunk(entries)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _compressed(document: object) -> bytes:
    return gzip.compress(_json(document), 1, mtime=0)


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
