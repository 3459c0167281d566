"""A bare mirror per repository: a cache of this worker, safe to delete at any time."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.repository import CommitSha, RepositoryId, Revision
from windlass.domain.text import plain
from windlass.domain.tree import Kind, TreeEntry
from windlass.git.process import GitFailed, GitTooLong, run_git
from windlass.git.remotes import Remote, fetch_head

_HEAD = "refs/windlass/head"
_LATEST_S = 253_402_300_799  # the last second of the year 9999; a committer may claim any
_FOLDER = b"040000 "
_LISTING_BYTES = 20_000_000  # 50,000 files with paths of 300 bytes and their folders
_WORDS_BYTES = 100_000
_BLOBS_BYTES = 250_000_000  # what intake lets through, with git's headers
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Mirror:
    """The mirror of one repository. One thread at a time may fetch into it."""

    git_dir: Path

    def fetch(self, remote: Remote) -> Revision:
        """Bring the branch's head here and describe it; raises as `remotes.fetch_head` does.

        A mirror that git cannot use is thrown away and made anew, once.
        """
        self._ensure()
        try:
            fetch_head(remote, self.git_dir, _HEAD)
            return self.describe(_HEAD)
        except (Unavailable, GitFailed):
            if self._is_sound():
                raise
            shutil.rmtree(self.git_dir, ignore_errors=True)
        self._ensure()
        fetch_head(remote, self.git_dir, _HEAD)
        return self.describe(_HEAD)

    def describe(self, commit: str) -> Revision:
        """Sha, author, subject and time of a commit of the mirror."""
        arguments = ["log", "-1", "--format=%H%x00%ct%x00%an%x00%s"]
        arguments += ["--end-of-options", commit]
        try:
            output = run_git(arguments, git_dir=self.git_dir, max_output_bytes=_WORDS_BYTES)
        except GitTooLong as failure:
            output = failure.start
        words = output.decode("utf-8", "replace").rstrip("\n")
        sha, at, author, subject = f"{words}\0".split("\0")[:4]
        committed_at = datetime.fromtimestamp(min(int(at), _LATEST_S), UTC)
        return Revision(CommitSha(sha), plain(author)[:200], plain(subject)[:500], committed_at)

    def list_tree(self, sha: CommitSha, path: str, max_entries: int) -> list[TreeEntry] | None:
        """Every entry below the DAG root `path`; Invalid GIT005 where that is no folder.

        None where there are more than `max_entries`, or their paths are too long to be listed:
        trees that share their folders can hold 10^9 entries in a few objects. Symlinks come
        without their target, which `read_blobs` brings. Raises Unavailable GIT012 where the mirror
        is damaged; the next fetch makes it anew.
        """
        place = sha if path == "." else f"{sha}:{path}"
        try:
            # Folders are printed too, so that no tree can keep git busy without printing.
            output = run_git(
                ["ls-tree", "-r", "-t", "-l", "-z", place],
                git_dir=self.git_dir,
                max_output_bytes=_LISTING_BYTES,
            )
        except GitTooLong:
            return None
        except GitFailed:
            if not self._is_sound():
                raise self._damaged() from None
            raise Invalid(
                "GIT005",
                f"the revision {sha[:7]} has no folder {path!r}",
                "Register the repository with the --path of its DAG folder.",
            ) from None
        rows = [row for row in output.split(b"\0") if row and not row.startswith(_FOLDER)]
        if len(rows) > max_entries:
            return None
        try:
            return [_tree_entry(row) for row in rows]
        except ValueError:  # git prints BAD for the size of a blob that it lost
            raise self._damaged() from None

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each blob, once per oid, in one git process and without filters.

        Raises Unavailable GIT012 as `list_tree` does.
        """
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return
        request = "\n".join([*wanted, ""]).encode()
        try:
            printed = run_git(
                ["cat-file", "--batch"],
                git_dir=self.git_dir,
                stdin=request,
                max_output_bytes=_BLOBS_BYTES,
            )
        except GitFailed:
            raise self._damaged() from None
        output = memoryview(printed)
        start = 0
        for oid in wanted:
            header_end = start + bytes(output[start : start + 200]).index(b"\n")
            header = bytes(output[start:header_end]).split(b" ")
            if len(header) != 3:  # `OID missing`
                raise self._damaged()
            size = int(header[2])
            start = header_end + 1 + size + 1
            yield oid, bytes(output[header_end + 1 : start - 1])

    def _ensure(self) -> None:
        if not (self.git_dir / "HEAD").exists():
            self.git_dir.mkdir(parents=True, exist_ok=True)
            run_git(["init", "--quiet", "--bare", "--template=", str(self.git_dir)])
        for lock in (self.git_dir / "refs").rglob("*.lock"):  # of a fetch that was killed
            lock.unlink(missing_ok=True)

    def _damaged(self) -> Unavailable:
        """Throw the mirror away, and say so."""
        shutil.rmtree(self.git_dir, ignore_errors=True)
        return Unavailable(
            "GIT012", f"the mirror {self.git_dir.name} was damaged; the next sync makes it anew"
        )

    def _is_sound(self) -> bool:
        try:
            run_git(["rev-parse", "--git-dir"], git_dir=self.git_dir)
            run_git(["fsck", "--connectivity-only", "--no-progress"], git_dir=self.git_dir)
        except GitFailed:
            return False
        return True


def mirror_of(folder: Path, repository: RepositoryId) -> Mirror:
    """The mirror of a repository below the mirrors' folder; nothing is made yet."""
    return Mirror(folder / f"{repository}.git")


def _tree_entry(row: bytes) -> TreeEntry:
    """One row of `git ls-tree -r -l -z`: `MODE TYPE OID SIZE<tab>PATH`, SIZE `-` for no blob."""
    meta, path = row.split(b"\t", 1)
    mode, _, oid, size = meta.decode().split()
    return TreeEntry(_text(path), _kind(mode), oid, 0 if size == "-" else int(size))


def _kind(mode: str) -> Kind:
    return _KINDS.get(mode, Kind.FILE)  # 100664 in very old trees


def _text(path: bytes) -> str:
    """The path as text; what is not UTF-8 shows as surrogates, which intake refuses."""
    return path.decode("utf-8", "surrogateescape")
