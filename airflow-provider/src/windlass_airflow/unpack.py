"""Makes a release of the cache from an archive: everything in it is verified before it is kept.

The archive is gzip over a plain USTAR of regular files. Their names are known beforehand or are
digests that the signed manifest names; paths come from the manifest alone.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from windlass_airflow.manifest import Entry, Manifest, ManifestError
from windlass_airflow.release import MAX_ROOT_BYTES, open_manifest, open_statement
from windlass_airflow.store import MAX_DOCUMENT_BYTES, Store, bundle_error

MAX_FILES = 100_000
MAX_BYTES = 2 << 30
"""Beyond what Windlass takes into a release: 50,000 files of 200 MB in all."""

_BLOCK = 512
_PIECE = 1 << 20
_SYNC_ALL_ABOVE = 64  # one sync() is cheaper than that many fsync()s


class Readable(Protocol):
    """What an archive is read from."""

    def read(self, size: int = ..., /) -> bytes: ...


class _Broken(Exception):
    """An archive that is not what it has to be."""


@dataclass(frozen=True, slots=True)
class Source:
    """A release that the cache has, to take from what has not changed."""

    folder: Path
    files: dict[str, Entry]

    @classmethod
    def find(cls, store: Store, release: str | None) -> "Source | None":
        """The release if it is there and can be read."""
        if release is None:
            return None
        folder = store.folder(release)
        try:
            content = (folder / "manifest.json.gz").read_bytes()
            return cls(folder, Manifest(folder, content).files())
        except (OSError, ManifestError):
            return None


def unpack(
    stream: Readable,
    store: Store,
    release: str,
    source: Source | None,
    *,
    keys: Sequence[str],
    environment_id: str,
) -> None:
    """Add the release of an archive to the cache, whole or not at all.

    Raises BUNDLE011 to 014 where it is not vouched for, BUNDLE022 where it is not what the signed
    manifest says, and OSError where the disk refuses or the stream ends.
    """
    releases = store.root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{release}.", dir=releases))
    try:
        _Unpacking(stream, aside, source).run(store, release, keys, environment_id)
        aside.chmod(0o755)
        aside.rename(releases / release)
    except (_Broken, ManifestError, zlib.error) as error:
        raise bundle_error(
            "BUNDLE022",
            where=store.folder(release),
            wrong=f"what Windlass sent of release {release} is not that release: {error}",
            expected="the files that its signed manifest names",
            remedy="It is asked for again. If that goes on, find out what lies between.",
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class _Unpacking:
    """One archive on its way to one folder."""

    def __init__(self, stream: Readable, aside: Path, source: Source | None) -> None:
        self._members = _members(_Inflated(stream))
        self._tree = aside / "tree"
        self._aside = aside
        self._source = source
        self._fresh: list[Path] = []

    def run(self, store: Store, release: str, keys: Sequence[str], environment_id: str) -> None:
        statement, signatures = self._document("release.json"), self._document("release.sig")
        said = open_statement(store.folder(release), statement, signatures, keys)
        if (said.release, said.environment, said.environment_id) != (
            release,
            store.environment,
            environment_id,
        ):
            raise _Broken(f"it is release {said.release} of {said.environment}")
        root = self._document("manifest.json.gz", MAX_ROOT_BYTES)
        manifest = open_manifest(self._aside, root, said)
        self._keep("release.json", statement)
        self._keep("release.sig", signatures)
        self._keep("manifest.json.gz", root)
        (self._aside / "chunks").mkdir(mode=0o755)
        for digest in sorted(set(manifest.chunk_digests)):
            name = f"chunks/{digest}.json.gz"
            self._keep(name, self._document(name, MAX_ROOT_BYTES))
        files = manifest.files()
        _check_bounds(files)
        again = _paths(self._document("fresh.json", MAX_ROOT_BYTES))
        self._fill(files, again)
        self._settle()

    def _fill(self, files: dict[str, Entry], again: set[str]) -> None:
        """Write the tree: what was sent, then what is taken from the source."""
        _make_folders(self._tree, files)
        wanted: dict[str, list[str]] = {}
        for path, entry in files.items():
            wanted.setdefault(entry.digest, []).append(path)
        for name, size, content in self._members:
            digest = name.removeprefix("files/")
            paths = wanted.pop(digest, None) if name.startswith("files/") else None
            if paths is None:
                raise _Broken(f"{name[:80]!r} was not expected")
            self._write(digest, size, content, [(path, files[path]) for path in paths])
        for digest, paths in wanted.items():
            self._take(digest, paths, files, again)

    def _write(
        self, digest: str, size: int, content: Iterator[bytes], paths: list[tuple[str, Entry]]
    ) -> None:
        """Write content to the first of its paths while it is hashed; the others are copies."""
        path, entry = paths[0]
        if size != entry.size_bytes:
            raise _Broken(f"{path!r} has {size} bytes and not {entry.size_bytes}")
        target = self._tree / path
        digested = hashlib.sha256()
        with _new_file(target) as file:
            for piece in content:
                digested.update(piece)
                file.write(piece)
        if digested.hexdigest() != digest:
            raise _Broken(f"{path!r} has another content")
        self._finish(target, entry)
        for other, its in paths[1:]:
            shutil.copyfile(target, self._tree / other)
            self._finish(self._tree / other, its)

    def _take(
        self, digest: str, paths: list[str], files: dict[str, Entry], again: set[str]
    ) -> None:
        """Share what the source has at the same path, copy what it has elsewhere."""
        source = self._source
        for path in paths:
            theirs = source.files.get(path) if source else None
            is_shared = (
                source is not None
                and path not in again
                and _is_same(theirs, files[path])
                and _link(source.folder / "tree" / path, self._tree / path)
            )
            if not is_shared:
                self._copy(digest, path, files[path])

    def _copy(self, digest: str, path: str, entry: Entry) -> None:
        source = self._source
        theirs = source.files if source else {}
        known = path if path in theirs and theirs[path].digest == digest else None
        known = known or next((p for p, e in theirs.items() if e.digest == digest), None)
        if source is None or known is None:
            raise _Broken(f"{path!r} was not sent")
        try:
            content = (source.folder / "tree" / known).read_bytes()
        except OSError:
            raise _Broken(f"{path!r} was not sent, and the cache lost it") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise _Broken(f"{path!r} was not sent, and the cache has another content")
        with _new_file(self._tree / path) as file:
            file.write(content)
        self._finish(self._tree / path, entry)

    def _document(self, name: str, limit: int = MAX_DOCUMENT_BYTES) -> bytes:
        """The next member, which must have this name."""
        found, size, content = next(self._members, ("", 0, iter(())))
        if found != name or size > limit:
            raise _Broken(f"{name} was expected, and not {found[:80]!r} of {size} bytes")
        return b"".join(content)

    def _keep(self, name: str, content: bytes) -> None:
        with _new_file(self._aside / name) as file:
            file.write(content)
        self._finish(self._aside / name, None)

    def _finish(self, path: Path, entry: Entry | None) -> None:
        path.chmod(0o555 if entry and entry.is_executable else 0o444)
        self._fresh.append(path)

    def _settle(self) -> None:
        """Give what is new one modification time, later than all of the source's: Airflow parses
        again what is newer than its last look. Then bring it to the disk."""
        newest_ns = time.time_ns()
        if self._source is not None:
            before = (self._source.folder / "manifest.json.gz").stat().st_mtime_ns
            newest_ns = max(newest_ns, before + 1_000_000)
        for path in self._fresh:
            os.utime(path, ns=(newest_ns, newest_ns))
        if len(self._fresh) > _SYNC_ALL_ABOVE:
            os.sync()
            return
        for path in self._fresh:
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)


class _Inflated:
    """A gzip stream, unpacked as it is read, up to MAX_BYTES and a little."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._gzip = zlib.decompressobj(31)
        self._left = MAX_BYTES + (64 << 20)

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        found = bytearray()
        while len(found) < size and not self._gzip.eof:
            packed = self._gzip.unconsumed_tail or self._stream.read(1 << 16)
            if not packed:
                break
            found += self._gzip.decompress(packed, size - len(found))
        self._left -= len(found)
        if self._left < 0:
            raise _Broken("it is too large")
        return bytes(found)


def _members(stream: _Inflated) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """(name, size, content) of each member; the content must be read before the next is asked for.

    Only regular files with plain names are taken. POSIX.1-1988: name at 0, size at 124, type at
    156, magic at 257, prefix at 345.
    """
    while True:
        head = stream.read(_BLOCK)
        if len(head) < _BLOCK:
            raise _Broken("it ends too early")
        if not any(head):
            return
        name = head[:100].rstrip(b"\0").decode("ascii", "replace")
        try:
            size = int(head[124:136].rstrip(b"\0 ") or b"0", 8)
        except ValueError:
            raise _Broken(f"{name[:80]!r} has no size") from None
        if head[156:157] != b"0" or head[257:262] != b"ustar" or any(head[345:500]):
            raise _Broken(f"{name[:80]!r} is no plain file")
        yield name, size, _content(stream, size)


def _content(stream: _Inflated, size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = stream.read(min(left, _PIECE))
        if not piece:
            raise _Broken("it ends too early")
        left -= len(piece)
        yield piece
    stream.read(-size % _BLOCK)


def _paths(content: bytes) -> set[str]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise _Broken("fresh.json is no list")
    return {path for path in found if isinstance(path, str)}


def _check_bounds(files: dict[str, Entry]) -> None:
    if len(files) > MAX_FILES or sum(e.size_bytes for e in files.values()) > MAX_BYTES:
        raise _Broken("it is too large")
    for path, entry in files.items():
        parts = path.split("/")
        if "\0" in path or any(part in ("", ".", "..") for part in parts) or entry.size_bytes < 0:
            raise _Broken(f"{path[:80]!r} is no path of a tree")


def _make_folders(tree: Path, files: dict[str, Entry]) -> None:
    tree.mkdir()
    for folder in sorted({path.rpartition("/")[0] for path in files} - {""}):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for found, _, _ in os.walk(tree):
        Path(found).chmod(0o755)  # whatever the umask


def _new_file(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _is_same(one: Entry | None, other: Entry) -> bool:
    return one is not None and (one.digest, one.is_executable) == (
        other.digest,
        other.is_executable,
    )


def _link(existing: Path, target: Path) -> bool:
    """Share a file with its modification time; False where it is not there any more."""
    try:
        os.link(existing, target, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError:  # too many links, or a file system without them
        shutil.copy2(existing, target, follow_symlinks=False)
    return True
