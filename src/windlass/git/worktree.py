"""A folder on this machine as a tree: what Git would commit of it, or all of it where no Git is."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.errors import Invalid
from windlass.domain.tree import Kind, TreeEntry
from windlass.git.process import Access, GitFailed, GitTooLong, run_git

_LISTING_BYTES = 20_000_000
# The folder may belong to another account, as in a container; and nothing that its .git/config
# names may be started (git-config(1): safe.directory, core.fsmonitor).
UNTRUSTED_FOLDER = Access(config={"safe.directory": "*", "core.fsmonitor": "false"})
_GITLINK = b"160000"


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The DAG root `root`, as it lies there now.

    In a working tree of Git it has the files that are tracked, and those that are neither tracked
    nor ignored: what a commit of everything would have. Elsewhere it has every file.
    """

    root: Path

    @property
    def prefix(self) -> str:
        """Where the DAG root is in its Git working tree, ending with `/`; empty at the top, and
        where there is no Git."""
        try:
            return self._git("rev-parse", "--show-prefix").decode("utf-8", "replace").rstrip("\n")
        except GitFailed:
            return ""

    def find_head(self) -> tuple[str, str, str] | None:
        """The commit that is checked out, the URL of `origin` and the branch, both empty where
        there is none; None where there is no commit."""
        try:
            revision = self._line("rev-parse", "--verify", "HEAD")
            branch = self._line("rev-parse", "--abbrev-ref", "HEAD")
        except GitFailed:
            return None
        try:
            url = self._line("config", "--get", "remote.origin.url")
        except GitFailed:
            url = ""
        return revision, url, "" if branch == "HEAD" else branch

    def _line(self, *arguments: str) -> str:
        return self._git(*arguments).decode("utf-8", "replace").strip()

    def list_tree(self, max_entries: int) -> list[TreeEntry] | None:
        """Every entry, as a Source; its `oid` is its path."""
        try:
            paths = self._committable()
        except GitTooLong:
            return None
        except GitFailed:
            paths = dict.fromkeys(self._walk(max_entries), b"")
        if len(paths) > max_entries:
            return None
        entries = (self._entry(path, mode) for path, mode in sorted(paths.items()))
        return [entry for entry in entries if entry is not None]

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each path; of a symlink where it leads to. Raises Invalid TREE001 where
        one cannot be read."""
        for path in dict.fromkeys(oids):
            place = self.root / path
            try:
                link = place.is_symlink()
                yield path, os.fsencode(place.readlink()) if link else place.read_bytes()
            except OSError as error:
                raise Invalid(
                    "TREE001",
                    f"{str(place)!r} cannot be read: {error.strerror}",
                    "Check it again when nothing else changes the folder.",
                ) from error

    def _committable(self) -> dict[str, bytes]:
        """Path → its mode in the index, empty for what is not tracked."""
        tracked = self._git("ls-files", "-z", "--stage")
        others = self._git("ls-files", "-z", "--others", "--exclude-standard")
        found = {os.fsdecode(row): b"" for row in others.split(b"\0") if row}
        for row in filter(None, tracked.split(b"\0")):
            meta, _, path = row.partition(b"\t")
            found[os.fsdecode(path)] = meta.split(b" ")[0]
        return found

    def _walk(self, max_entries: int) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self.root):
            here = Path(folder)
            if here == self.root and ".git" in folders:
                folders.remove(".git")
            links = [name for name in folders if (here / name).is_symlink()]
            for name in (*files, *links):
                yield (here / name).relative_to(self.root).as_posix()
                count += 1
            if count > max_entries:
                return

    def _entry(self, path: str, mode: bytes) -> TreeEntry | None:
        """None for what is not there any more, and for what Git does not keep, such as sockets."""
        if mode == _GITLINK or path.endswith("/"):
            return TreeEntry(path.rstrip("/"), Kind.SUBMODULE, path)
        try:
            found = (self.root / path).lstat()
        except OSError:
            return None
        if stat.S_ISLNK(found.st_mode):
            return TreeEntry(path, Kind.SYMLINK, path, found.st_size)
        if not stat.S_ISREG(found.st_mode):
            return None
        kind = Kind.EXECUTABLE if found.st_mode & stat.S_IXUSR else Kind.FILE
        return TreeEntry(path, kind, path, found.st_size)

    def _git(self, *arguments: str) -> bytes:
        return run_git(
            ["-C", str(self.root), *arguments],
            access=UNTRUSTED_FOLDER,
            max_output_bytes=_LISTING_BYTES,
        )
