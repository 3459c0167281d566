"""The store: what Airflow mounts read-only. Layout, release trees and pointers.

Everything is written aside and renamed into place, so a reader sees all of a thing or none of it.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.artifacts.files import make_folder, replace_file, sync_file, write_new
from windlass.artifacts.tree import Base, ContentSource, compare_digest, fill_release
from windlass.domain.artifact import Artifact, Changes, FileEntry
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Conflict, Unavailable
from windlass.domain.release import ReleaseId

FORMAT = 1
_SYNC_ALL_ABOVE = 64  # one sync() is cheaper than that many fsync()s

_UNBOUND = ReleaseId(0)  # lower than any release
Seal = Callable[[str], Mapping[str, bytes]]
"""From the SHA-256 of a manifest file to the files that vouch for it, by name."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store on a file system that has rename and, better, hard links."""

    root: Path

    def prepare(self, environments: Mapping[str, str], key: str | None = None) -> None:
        """Make the layout and write store.json: environment name → uuid, and the public key that
        releases are signed with from now on; keys that it names already stay, for their releases.

        Raises Conflict STORE001 where the store belongs to another installation.
        """
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.releases, self.root / "environments"):
                make_folder(folder)
            path = self.root / "store.json"
            found = json.loads(path.read_bytes()) if path.exists() else {}
            if found:
                self._compare(found, environments)
            keys = [key] if key else []
            keys += [known for known in found.get("keys", ()) if known not in keys]
            description = {"format": FORMAT, "environments": dict(environments), "keys": keys}
            replace_file(path, json.dumps(description, indent=1).encode() + b"\n")

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    def tree(self, release_id: ReleaseId) -> Path:
        """Where the files of a release are, whether or not they are there."""
        return self.releases / str(release_id) / "tree"

    def has_release(self, release_id: ReleaseId) -> bool:
        """Whether the release was written and is still there."""
        return (self.releases / str(release_id) / "manifest.json.gz").exists()

    def is_signed(self, release_id: ReleaseId) -> bool:
        """Whether the release has a signature; one of a Windlass before signatures has none."""
        return (self.releases / str(release_id) / "release.sig").exists()

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
        *,
        seal: Seal = lambda _: {},
    ) -> None:
        """Write the tree and the manifest of a release that no pointer names yet, and beside them
        what `seal` makes of the manifest's digest.

        Files that `base` has with the same content, and that need not be parsed again, are shared
        with its tree: same inode, same mtime. All others are new inodes with one mtime that is
        later than that of any earlier release of this chain. Content that `content` gives is
        compared with its digest: Conflict STORE002 where it is not what the manifest says.
        Raises Unavailable STORE003 where the disk refuses; nothing is left behind then.
        """
        with explained(self.root):
            aside = Path(tempfile.mkdtemp(prefix=f".{release_id}.", dir=self.releases))
            try:
                shared = Base(str(self.releases / str(base[0])), base[1]) if base else None
                fresh = fill_release(str(aside), artifact, changes, shared, content)
                for name, text in seal(digest_bytes(artifact.manifest)).items():
                    write_new(f"{aside}/{name}", text, 0o444)
                    fresh.append(f"{aside}/{name}")
                self._stamp(fresh, base[0] if base else None)
                aside.chmod(0o755)
                aside.rename(self.releases / str(release_id))
                sync_file(self.releases)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise

    def read_file(self, release_id: ReleaseId, entry: FileEntry) -> bytes:
        """The content of one file of a release; Conflict STORE002 where it was tampered with,
        STORE004 where it is gone."""
        with explained(self.root):
            try:
                content = (self.tree(release_id) / entry.path).read_bytes()
            except FileNotFoundError as error:
                raise Conflict(
                    "STORE004",
                    f"{entry.path!r} of release #{release_id} is gone from the store",
                    "Go back to another release, or push the commit that you want deployed.",
                ) from error
        compare_digest(entry, content)
        return content

    def touch(self, release_id: ReleaseId, path: str) -> None:
        """Give a file of a release the time of now, so that Airflow reads it again; its content
        stays. Releases that share the inode follow. Conflict STORE004 where it is gone."""
        with explained(self.root):
            try:
                os.utime(self.tree(release_id) / path)
            except FileNotFoundError as error:
                raise Conflict(
                    "STORE004", f"{path!r} of release #{release_id} is gone from the store"
                ) from error

    def read_pointer(self, environment: str, bundle: str) -> ReleaseId | None:
        """The release that the pointer names; None where it is unbound, not there or no pointer at
        all, which `write_pointer` then replaces."""
        return self._read_pointer(environment, bundle) or None

    def read_pointers(self, environment: str) -> dict[str, ReleaseId | None]:
        """What each pointer of an environment says, by bundle; those that say nothing are left
        out. Raises Unavailable STORE003."""
        found: dict[str, ReleaseId | None] = {}
        with explained(self.root):
            for path in sorted((self.root / "environments" / environment / "bundles").iterdir()):
                named = self._read_pointer(environment, path.name)
                if not path.name.startswith(".") and named is not None:
                    found[path.name] = named or None
        return found

    def describe(self) -> dict[str, Any]:
        """What store.json says; Unavailable STORE003 where it is not there."""
        with explained(self.root):
            found: dict[str, Any] = json.loads((self.root / "store.json").read_bytes())
        return found

    def points_to(self, environment: str, bundle: str, release_id: ReleaseId | None) -> bool:
        """Whether the pointer is there and says just that."""
        return self._read_pointer(environment, bundle) == (release_id or _UNBOUND)

    def write_pointer(
        self,
        environment: str,
        bundle: str,
        release_id: ReleaseId | None,
        *,
        unbinds: bool = False,
    ) -> bool:
        """Flip the pointer; False if it says so already.

        The caller holds the lock of this bundle. A pointer never goes back to a lower release:
        Conflict STORE005 where it names a newer one. To unbound it goes only where the caller says
        that this is meant, since a database that was set back knows of no release either.
        """
        now, wanted = self._read_pointer(environment, bundle), release_id or _UNBOUND
        if now == wanted:
            return False
        if now is not None and now > wanted and not (unbinds and release_id is None):
            raise Conflict(
                "STORE005",
                f"the pointer of {bundle!r} names release #{now}, newer than #{release_id or '-'}",
                "The database is older than the store. Restore backups with `windlass restore`: it "
                "lets numbers go on above that one.",
            )
        path = self.pointer(environment, bundle)
        named = None if release_id is None else str(release_id)
        with explained(self.root):
            for folder in (path.parent.parent, path.parent):  # not the store: it may be unmounted
                make_folder(folder)
            replace_file(path, json.dumps({"format": FORMAT, "release": named}).encode())
        return True

    def _read_pointer(self, environment: str, bundle: str) -> ReleaseId | None:
        """What the pointer says, _UNBOUND included; None where it is not there or unreadable."""
        with explained(self.root):
            try:
                content = self.pointer(environment, bundle).read_bytes()
            except FileNotFoundError:
                return None
        try:
            named = json.loads(content)["release"]
            return _UNBOUND if named is None else ReleaseId(int(named))
        except (ValueError, KeyError, TypeError):
            return None

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
            sync_file(path)

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


@contextlib.contextmanager
def explained(root: Path) -> Iterator[None]:
    """Say Unavailable STORE003 where the file system refuses."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "STORE003",
            f"the store {root} cannot be used: {error.strerror}",
            "Free some space, or check the mount and who owns it.",
        ) from error
