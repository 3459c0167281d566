"""Releases as one file each, for Airflow hosts that mount no store (docs/contract/origin.md).

An archive holds what a host lacks, named by digest; which path it becomes is for the manifest to
say. Made once, kept for those who ask next, and forgotten when nobody asked for long.
"""

import contextlib
import gzip
import io
import json
import os
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from windlass.artifacts.store import Store, explained
from windlass.artifacts.tree import compare_digest
from windlass.domain.artifact import FileEntry
from windlass.domain.errors import NotFound, Unavailable
from windlass.domain.release import ReleaseId

KEPT = 64
"""How many archives are kept: each is made again when it is asked for."""

_MAKING = 4  # at a time, and then others are told to come back: the API has other callers
_LEVEL = 6  # of gzip; see docs/decisions/0005 for what was measured


class Archives:
    """The archives of a store's releases, in a folder of their own. Safe for threads."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._making = threading.Semaphore(_MAKING)

    def find_or_make(self, release_id: ReleaseId, base: ReleaseId | None) -> Path:
        """The archive of a release, without the contents that `base` has where that is there.

        Raises NotFound ORG002 for a release that is not there or not signed, Conflict STORE002
        where its files were changed by hand, Unavailable ORG003 while too many are being made and
        STORE003 where the disk refuses.
        """
        folder = self._store.releases / str(release_id)
        if not (folder / "release.sig").exists():
            raise NotFound("ORG002", f"there is no signed release #{release_id}")
        known = self._store.releases / str(base) if base else None
        if known is not None and not (known / "manifest.json.gz").exists():
            known, base = None, None
        path = self._folder / f"{release_id}-{base or 0}.tar.gz"
        with explained(self._store.root):
            if path.exists():
                os.utime(path)
                return path
            if not self._making.acquire(timeout=1):
                raise Unavailable(
                    "ORG003", "too many archives are being made", "Ask again.", retry_after_s=1
                )
            try:
                self._make(path, folder, known)
            finally:
                self._making.release()
        return path

    def _make(self, path: Path, folder: Path, base: Path | None) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            try:
                with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
                    _write(packed, folder, base)
                file.flush()  # what has the name is whole, for who reads it this instant and
                os.fsync(file.fileno())  # after the power failed: it is kept and given again
                Path(file.name).rename(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        self._forget()

    def _forget(self) -> None:
        """Remove the archives that were not asked for for longest, and what crashes left."""
        with contextlib.suppress(OSError):  # another thread does the same
            found = sorted(self._folder.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
            for path in found[KEPT:]:
                path.unlink(missing_ok=True)


def _read_rows(folder: Path) -> list[FileEntry]:
    """The files of a release, as the manifest in its folder lists them."""
    root = _read_json(folder / "manifest.json.gz")
    rows: list[Mapping[str, Any]] = (
        root["files"]
        if root["format"] == 1
        else [
            row
            for chunk in root["chunks"]
            for row in _read_json(folder / "chunks" / f"{chunk['digest']}.json.gz")["files"]
        ]
    )
    return [
        FileEntry(row["path"], int(row["mode"], 8), row["digest"], "", row["size_bytes"])
        for row in rows
    ]


def _write(packed: gzip.GzipFile, folder: Path, base: Path | None) -> None:
    """What vouches for the release comes first, so that a reader knows what to expect."""
    rows = _read_rows(folder)
    known = _read_rows(base) if base else []
    with tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("release.json", "release.sig", "manifest.json.gz"):
            _add(archive, name, (folder / name).read_bytes())
        for path in sorted((folder / "chunks").glob("*.json.gz")):
            _add(archive, f"chunks/{path.name}", path.read_bytes())
        fresh = [*_parsed_again(folder, rows, base, known)] if base else []
        _add(archive, "fresh.json", json.dumps(fresh).encode())
        has = {row.digest for row in known}
        for row in rows:
            if row.digest not in has:
                has.add(row.digest)
                content = (folder / "tree" / row.path).read_bytes()
                compare_digest(row, content)
                _add(archive, f"files/{row.digest}", content)


def _parsed_again(
    folder: Path, rows: list[FileEntry], base: Path, known: list[FileEntry]
) -> Iterator[str]:
    """The paths that kept their content since the base and are to be parsed again all the same:
    what they import has changed, so they have a new modification time."""
    before = {row.path: row.digest for row in known}
    for row in rows:
        if before.get(row.path) == row.digest:
            with contextlib.suppress(FileNotFoundError):  # drift, which reading it would tell
                new, old = (f"{one}/tree/{row.path}" for one in (folder, base))
                if os.lstat(new).st_mtime_ns != os.lstat(old).st_mtime_ns:
                    yield row.path


def _read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o444
    archive.addfile(member, io.BytesIO(content))
