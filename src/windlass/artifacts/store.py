"""The store: what Airflow mounts read-only. Layout, release trees and pointers.

Everything is written aside and renamed into place, so a reader sees all of a thing or none of it.
"""

import contextlib
import errno
import gzip
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.artifact import Artifact, Changes, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Conflict, Unavailable
from windlass.domain.release import ReleaseId

FORMAT = 1
_LINK_FALLS_BACK = {errno.EMLINK, errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP}
_SYNC_ALL_ABOVE = 64  # one sync() is cheaper than that many fsync()s

_UNBOUND = ReleaseId(0)  # lower than any release
ContentSource = Callable[[FileEntry], bytes]


@dataclass(frozen=True, slots=True)
class Store:
    """A store on a file system that has rename and, better, hard links."""

    root: Path

    def prepare(self, environments: Mapping[str, str]) -> None:
        """Make the layout and write store.json, environment name → uuid.

        Raises Conflict STORE001 where the store belongs to another installation.
        """
        with _explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.releases, self.root / "environments"):
                _make_folder(folder)
            description = {"format": FORMAT, "environments": dict(environments)}
            path = self.root / "store.json"
            if path.exists():
                self._compare(json.loads(path.read_bytes()), environments)
            _replace_file(path, json.dumps(description, indent=1).encode() + b"\n")

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    def tree(self, release_id: ReleaseId) -> Path:
        """Where the files of a release are, whether or not they are there."""
        return self.releases / str(release_id) / "tree"

    def pointer(self, environment: str, bundle: str) -> Path:
        """The pointer file of a bundle."""
        return self.root / "environments" / environment / "bundles" / bundle

    def write_release(
        self,
        release_id: ReleaseId,
        artifact: Artifact,
        changes: Changes,
        base: tuple[ReleaseId, Artifact] | None,
        content: ContentSource,
    ) -> None:
        """Write the tree and the manifest of a release that no pointer names yet.

        Files that `base` has with the same content, and that need not be parsed again, are shared
        with its tree: same inode, same mtime. All others are new inodes with one mtime that is
        later than that of any earlier release of this chain. Content that `content` gives is
        compared with its digest: Conflict STORE002 where it is not what the manifest says.
        Raises Unavailable STORE003 where the disk refuses; nothing is left behind then.
        """
        with _explained(self.root):
            aside = Path(tempfile.mkdtemp(prefix=f".{release_id}.", dir=self.releases))
            try:
                self._fill(aside, artifact, changes, base, content)
                aside.chmod(0o755)
                aside.rename(self.releases / str(release_id))
                _sync_folder(self.releases)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise

    def read_file(self, release_id: ReleaseId, entry: FileEntry) -> bytes:
        """The content of one file of a release; Conflict STORE002 where it was tampered with,
        STORE004 where it is gone."""
        with _explained(self.root):
            try:
                content = (self.tree(release_id) / entry.path).read_bytes()
            except FileNotFoundError as error:
                raise Conflict(
                    "STORE004",
                    f"{entry.path!r} of release #{release_id} is gone from the store",
                    "Go back to another release, or push the commit that you want deployed.",
                ) from error
        _compare_digest(entry, content)
        return content

    def read_pointer(self, environment: str, bundle: str) -> ReleaseId | None:
        """The release that the pointer names; None where it is unbound, not there or no pointer at
        all, which `write_pointer` then replaces."""
        return self._read_pointer(environment, bundle) or None

    def points_to(self, environment: str, bundle: str, release_id: ReleaseId | None) -> bool:
        """Whether the pointer is there and says just that."""
        return self._read_pointer(environment, bundle) == (release_id or _UNBOUND)

    def write_pointer(self, environment: str, bundle: str, release_id: ReleaseId | None) -> bool:
        """Flip the pointer; False if it says so already.

        The caller holds the lock of this bundle. A pointer never goes back to a lower release:
        Conflict STORE005 where it names a newer one.
        """
        now, wanted = self._read_pointer(environment, bundle), release_id or _UNBOUND
        if now == wanted:
            return False
        if now is not None and now > wanted:
            raise Conflict(
                "STORE005",
                f"the pointer of {bundle!r} names release #{now}, newer than #{release_id or '-'}",
                "The database is older than the store: was it restored from a backup? Set the "
                "sequence release_number above that number.",
            )
        path = self.pointer(environment, bundle)
        named = None if release_id is None else str(release_id)
        with _explained(self.root):
            for folder in (path.parent.parent, path.parent):  # not the store: it may be unmounted
                _make_folder(folder)
            _replace_file(path, json.dumps({"format": FORMAT, "release": named}).encode())
        return True

    def _read_pointer(self, environment: str, bundle: str) -> ReleaseId | None:
        """What the pointer says, _UNBOUND included; None where it is not there or unreadable."""
        with _explained(self.root):
            try:
                content = self.pointer(environment, bundle).read_bytes()
            except FileNotFoundError:
                return None
        try:
            named = json.loads(content)["release"]
            return _UNBOUND if named is None else ReleaseId(int(named))
        except (ValueError, KeyError, TypeError):
            return None

    def _fill(
        self,
        aside: Path,
        artifact: Artifact,
        changes: Changes,
        base: tuple[ReleaseId, Artifact] | None,
        content: ContentSource,
    ) -> None:
        # Text paths: a Path for each of 20,000 files would cost more than linking them.
        tree = str(aside / "tree")
        base_tree = str(self.tree(base[0])) if base else ""
        base_files = base[1].files if base else {}
        fresh: list[str] = []
        for folder in ("", *_folders(artifact)):
            _make_folder(Path(tree, folder))
        for path, entry in artifact.files.items():
            target = f"{tree}/{path}"
            known = base_files.get(path)
            shared = known and known.content_key == entry.content_key
            if shared and path not in changes.parsed_again:
                with contextlib.suppress(FileNotFoundError):  # the base lost it: write it afresh
                    _share(f"{base_tree}/{path}", target)
                    continue
            text = content(entry)
            _compare_digest(entry, text)
            _write_new(target, text, entry.mode)
            fresh.append(target)
        manifest = gzip.compress(json.dumps(artifact.manifest()).encode(), 1, mtime=0)
        _write_new(f"{aside}/manifest.json.gz", manifest, 0o444)
        self._stamp([*fresh, f"{aside}/manifest.json.gz"], base[0] if base else None)

    def _stamp(self, fresh: list[str], base: ReleaseId | None) -> None:
        """Give the new files one mtime, later than the base's, and bring them to the disk."""
        newest_ns = time.time_ns()
        if base is not None:
            manifest = self.releases / str(base) / "manifest.json.gz"
            with contextlib.suppress(FileNotFoundError):
                newest_ns = max(newest_ns, manifest.stat().st_mtime_ns + 1_000_000)
        for path in fresh:
            os.utime(path, ns=(newest_ns, newest_ns))
        if len(fresh) > _SYNC_ALL_ABOVE:
            os.sync()
            return
        for path in fresh:
            _sync_file(path)

    def _compare(self, found: dict[str, object], environments: Mapping[str, str]) -> None:
        theirs = found.get("environments")
        if found.get("format") != FORMAT or not isinstance(theirs, dict):
            raise Conflict(
                "STORE001",
                f"{self.root}/store.json has format {found.get('format')!r}; expected {FORMAT}",
                "Use the Windlass that made it, or another folder.",
            )
        for name, uuid in environments.items():
            if theirs.get(name, uuid) != uuid:
                raise Conflict(
                    "STORE001",
                    f"the store {self.root} serves the environment {name!r} of another database",
                    "Give each installation a store of its own (WINDLASS_HOME).",
                )


def _folders(artifact: Artifact) -> list[str]:
    """Every folder that holds a file, parents before children."""
    found: set[str] = set()
    for path in artifact.files:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(found)


def _share(existing: str, target: str) -> None:
    """Link to the file of the base release, or copy it with its mtime where links cannot be."""
    try:
        os.link(existing, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINK_FALLS_BACK:
            raise
        shutil.copy2(existing, target, follow_symlinks=False)


def _write_new(path: str, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        os.fchmod(fd, mode)  # whatever the umask


def _replace_file(path: Path, content: bytes) -> None:
    """Write aside, fsync, rename: a reader sees the old content or the new, never a part."""
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            os.fchmod(fd, 0o644)
            file.flush()
            os.fsync(fd)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _make_folder(path: Path) -> None:
    """Make one folder, which its parent must be there for, open to readers whatever the umask."""
    path.mkdir(exist_ok=True)
    path.chmod(0o755)


def _sync_file(path: str | Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_folder(path: Path) -> None:
    _sync_file(path)


def _compare_digest(entry: FileEntry, content: bytes) -> None:
    if digest_bytes(content) != entry.digest:
        raise Conflict(
            "STORE002",
            f"the content of {entry.path!r} is not what the manifest says",
            "Somebody changed a release by hand; deploy the revision again by pushing a commit.",
        )


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "STORE003",
            f"the store {root} cannot be used: {error.strerror}",
            "Free some space, or check the mount and who owns it.",
        ) from error
