"""Trees as imports see them: written from content into a private folder, kept, and changed by
what differs, so that a commit of one file writes one file."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path

from windlass.domain.artifact import EMPTY, Artifact, FileEntry
from windlass.domain.dependents import content_changes

Contents = Callable[[list[FileEntry]], Mapping[str, bytes]]
"""The content of each of these files, by digest."""
_PREFIX = "windlass-imports-"
_MAX_STAGES = 16
_MAX_FILES = 150_000


class Stage:
    """One tree; `name` is its folder below that of all trees. The files lie `inside` of that, which
    is where they lie in a folder that Python looks from; "" where it looks from the tree."""

    def __init__(self, folder: Path, name: str, inside: str = "") -> None:
        self.name = name
        self.inside = inside
        self.artifact = EMPTY
        self.lock = threading.Lock()
        self._folder = folder / name / inside
        _make_folders(folder, f"{name}/{inside}/file")

    def become(self, artifact: Artifact, contents: Contents) -> None:
        """Make the folder hold just the files of the artifact, read-only."""
        changes = content_changes(self.artifact, artifact)
        fresh = sorted(changes.added | changes.modified)
        found = contents([artifact.files[path] for path in fresh]) if fresh else {}
        self.artifact = EMPTY  # a failure from here on: it is written anew
        for path in (*changes.removed, *changes.modified):
            (self._folder / path).unlink()
        self._drop_empty(changes.removed)
        for path in fresh:
            self._write(path, artifact.files[path], found)
        self.artifact = artifact

    def read(self, path: str) -> bytes:
        """A file of the tree."""
        return (self._folder / path).read_bytes()

    def clear(self) -> None:
        """Forget the tree, also one that was written in part."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o755, exist_ok=True)
        self._folder.chmod(0o755)
        self.artifact = EMPTY

    def _write(self, path: str, entry: FileEntry, found: Mapping[str, bytes]) -> None:
        target = f"{self._folder}/{path}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            fd = os.open(target, flags, 0o644)
        except FileNotFoundError:
            _make_folders(self._folder, path)
            fd = os.open(target, flags, 0o644)
        try:
            os.fchmod(fd, entry.mode)
            view = memoryview(found[entry.digest])
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)

    def _drop_empty(self, removed: frozenset[str]) -> None:
        """Remove folders that have become empty: a namespace package must not stay behind."""
        for folder in sorted({str(Path(path).parent) for path in removed}, reverse=True):
            place = self._folder / folder
            while place != self._folder:
                try:
                    place.rmdir()
                except OSError:  # not empty, or gone with another file
                    break
                place = place.parent


def _make_folders(root: Path, path: str) -> None:
    for parent in reversed(Path(path).parents):
        place = root / parent
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o755)


class Stages:
    """The stages of one importer, the least used of which give way.

    The folder is private: other accounts may pass through it, where imports have an account of
    their own, but not list it. What a process left behind that was killed is removed by the next.
    """

    def __init__(self, uid: int, gid: int, folder: Path | None = None) -> None:
        parent = folder or Path(tempfile.gettempdir())
        _remove_abandoned(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self._lease = _lease(self.folder)
        if uid >= 0:
            self.folder.chmod(0o711)
        for name in ("trees", "home", "root"):
            place = self.folder / name
            place.mkdir(0o711)
            place.chmod(0o711)
        if uid >= 0:
            os.chown(self.folder / "home", uid, gid)
        self._lock = threading.Lock()
        self._stages: OrderedDict[Hashable, Stage] = OrderedDict()

    @contextlib.contextmanager
    def borrow(self, key: Hashable, inside: str = "") -> Iterator[Stage]:
        """The stage of a repository, for this thread alone; whatever it held last is there."""
        with self._lock:
            key = (key, inside)
            stage = self._stages.pop(key, None)
            if stage is None:
                stage = Stage(self.folder / "trees", secrets.token_hex(12), inside)
            self._stages[key] = stage
            self._give_way()
        with stage.lock:
            try:
                yield stage
            except BaseException:
                stage.clear()
                raise

    def close(self) -> None:
        """Remove everything; the Stages cannot be used again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lease)

    def _give_way(self) -> None:
        """Clear the least used stages that nobody uses now, while there are too many files."""
        files = sum(len(stage.artifact.files) for stage in self._stages.values())
        for key, stage in [*self._stages.items()][:-1]:
            if len(self._stages) <= _MAX_STAGES and files <= _MAX_FILES:
                return
            if stage.lock.acquire(blocking=False):
                files -= len(stage.artifact.files)
                stage.clear()
                del self._stages[key]
                stage.lock.release()


def _lease(folder: Path) -> int:
    """A lock that is held as long as this process lives."""
    fd = os.open(folder / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another account's
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            with (folder / "in-use").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
