"""Holds release trees against what they must be, and mends them file by file.

A tree is judged by digest (docs/decisions/0006). A file that was read once is read again where its
inode, size, mode or one of its times is another: the change time cannot be set back. But links that
a publish or a clean-up makes and takes away change it too, of every file: where nothing else
differs, files are read again a few at each look.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from windlass.artifacts.files import replace_file
from windlass.artifacts.store import Store, explained
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.release import ReleaseId
from windlass.domain.repository import RepositoryId


@dataclass(frozen=True, slots=True)
class Drift:
    """How a tree differs from its release; paths relative to the tree, each in order.

    `foreign` are files, links and empty folders that no release put there; what lies in a foreign
    folder is told by its files.
    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.foreign)

    @property
    def words(self) -> tuple[str, ...]:
        """One line for each path: `changed etl/load.py`."""
        kinds = (("changed", self.changed), ("missing", self.missing), ("foreign", self.foreign))
        return tuple(f"{kind} {path}" for kind, paths in kinds for path in paths)


READ_AGAIN = 500
"""How many files a look reads again of those whose change time alone is another."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A file as it was when it was read. `same` is of what a change of its content changes, unless
    somebody sets the time back."""

    same: int
    changed_ns: int
    links: int


class Verifier:
    """Compares trees with their artifacts. Of each repository it remembers which files it read, by
    inode, since its releases share them; losing that costs one reading of each. Not safe for
    several threads at once."""

    def __init__(self, store: Store, *, read_again: int = READ_AGAIN) -> None:
        self._store = store
        self._read_again = read_again
        self._known: dict[RepositoryId, dict[int, _Read]] = {}  # inode → …, read longest ago first

    def verify(
        self, release_id: ReleaseId, artifact: Artifact, of: RepositoryId | None = None
    ) -> Drift:
        """How the tree differs now, as far as it was read; without `of` all of it is read. Raises
        Unavailable STORE003 where the store is away, which is no drift: a lost mount must not look
        like lost files."""
        with explained(self._store.root):
            tree = self._store.tree(release_id)
            (self._store.root / "store.json").stat()  # is it the store at all?
            found = dict(_walk(str(tree))) if tree.is_dir() else {}
            known = {} if of is None else self._known.get(of, {})
            changed, unsure, doubted = _divide(found, artifact, known)
            unsure += self._chosen(doubted, found, known)
            read: dict[int, _Read] = {}
            for path in unsure:
                entry, at = artifact.files[path], found[path]
                if digest_bytes((tree / path).read_bytes()) == entry.digest:
                    read[at.st_ino] = _Read(_same(entry, at), at.st_ctime_ns, at.st_nlink)
                else:
                    changed.append(path)
        if of is not None:
            there = {at.st_ino for at in found.values()}
            kept = {i: one for i, one in known.items() if i in there and i not in read}
            self._known[of] = kept | read
        missing = artifact.files.keys() - found.keys()
        foreign = found.keys() - artifact.files.keys()
        return Drift(tuple(sorted(changed)), tuple(sorted(missing)), tuple(sorted(foreign)))

    def keep_only(self, repositories: Collection[RepositoryId]) -> None:
        """Forget what was read of all others."""
        self._known = {id_: known for id_, known in self._known.items() if id_ in repositories}

    def _chosen(
        self, doubted: list[str], found: dict[str, os.stat_result], known: dict[int, _Read]
    ) -> list[str]:
        """What is read again now: first where no link came or went, which is nobody's work of ours;
        then what was read longest ago."""
        if len(doubted) > self._read_again:
            rank = {inode: place for place, inode in enumerate(known)}

            def urgency(path: str) -> tuple[bool, int]:
                at = found[path]
                return known[at.st_ino].links != at.st_nlink, rank[at.st_ino]

            doubted.sort(key=urgency)
        return doubted[: self._read_again]


def _divide(
    found: dict[str, os.stat_result], artifact: Artifact, known: dict[int, _Read]
) -> tuple[list[str], list[str], list[str]]:
    """The paths that differ by what is told of them, those that must be read, and those of which
    only the change time differs from when they were read."""
    changed, unsure, doubted = [], [], []
    for path, at in found.items():
        entry = artifact.files.get(path)
        if entry is None:
            continue
        if (at.st_mode, at.st_size) != (stat.S_IFREG | entry.mode, entry.size_bytes):
            changed.append(path)
            continue
        seen = known.get(at.st_ino)
        if seen is None or seen.same != _same(entry, at):
            unsure.append(path)
        elif seen.changed_ns != at.st_ctime_ns:
            doubted.append(path)
    return changed, unsure, doubted


def _same(entry: FileEntry, at: os.stat_result) -> int:
    return hash((entry.digest, at.st_mtime_ns))


def mend(
    store: Store,
    release_id: ReleaseId,
    drift: Drift,
    again: Collection[FileEntry],
    content: Callable[[FileEntry], bytes],
) -> None:
    """Take away what is foreign, and write the files of `again` anew, each by one rename.

    They become new inodes with the time of now, so that Airflow parses them again. Raises
    Unavailable STORE003 where the disk refuses, and what `content` raises; files that were mended
    before stay so.
    """
    tree = store.tree(release_id)
    with explained(store.root):
        for path in drift.foreign:
            _take_away(tree, path)
        for entry in again:
            target = tree / entry.path
            _make_way(tree, target)
            replace_file(target, content(entry), mode=entry.mode, aside=store.releases)


def _walk(folder: str, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Everything in a tree that is no folder, and folders that are empty, without following
    links."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if not entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):  # it went while we looked
                    yield path, entry.stat(follow_symlinks=False)
                continue
            below = False
            for one in _walk(entry.path, path + "/"):
                below = True
                yield one
            if not below:
                yield path, entry.stat(follow_symlinks=False)


def _take_away(tree: Path, path: str) -> None:
    """Remove one file, link or empty folder, and the folders that this empties."""
    place = tree / path
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)
    for folder in place.parents:
        if folder == tree:
            return
        try:
            folder.rmdir()
        except OSError:  # not empty
            return


def _make_way(tree: Path, target: Path) -> None:
    """Folders above the target, whatever stands in their place; and no folder in its own."""
    for folder in reversed(target.relative_to(tree).parents):
        place = tree / folder
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
