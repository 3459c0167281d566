"""A bare mirror per repository: a cache of this worker, safe to delete at any time."""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.ref import RefKind
from windlass.domain.repository import CommitSha, RepositoryId, Revision
from windlass.domain.text import plain
from windlass.domain.tree import Kind, TreeEntry
from windlass.git.access import Remote
from windlass.git.extent import WHOLE, Extent, promised_in
from windlass.git.lsrefs import HeadFinder
from windlass.git.process import Access, GitFailed, GitTooLong, run_git
from windlass.git.remotes import (
    disk_refusal,
    fetch_blobs,
    fetch_head,
    fetch_history,
    fetch_named,
    mirror_refused,
)

_HASH = re.compile(r"[0-9a-f]{7,64}")
_HEAD = "refs/windlass/head"
_MADE = "refs/windlass/made"
_TARGET = "refs/windlass/target"
USED = "windlass-used"
"""A file of the mirror whose time is that of the last fetch."""
_EXTENT = "windlass-extent"
"""A file of the mirror that says how much of the remote it was made to hold; none: all."""
_LATEST_S = 253_402_300_799  # the last second of the year 9999; a committer may claim any
_FOLDER = b"040000 "
_LISTING_BYTES = 20_000_000  # 50,000 files with paths of 300 bytes and their folders
_WORDS_BYTES = 100_000
_NEAR = 50  # commits: most topics left their branch within so many
_FEW = 8  # blobs whose sizes are not asked for first: a process for nothing, mostly
_BATCH_BYTES = 16_000_000
_BLOBS_BYTES = 250_000_000  # what intake lets through, with git's headers
_BLOB_MODES = frozenset({"100644", "100755", "100664", "120000"})
_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Mirror:
    """The mirror of one repository. One thread at a time may fetch into it.

    `extent` is how much it is to hold; one that was made to hold something else is made anew by the
    next fetch. `origin` says where to fetch what a partial mirror left out; it holds a secret.
    """

    git_dir: Path
    extent: Extent = WHOLE
    origin: Callable[[], Remote] | None = field(default=None, repr=False)

    def fetch(
        self,
        remote: Remote,
        max_pack_bytes: int | None = None,
        finder: HeadFinder | None = None,
    ) -> Revision:
        """Bring the ref's commit here with its history and describe it; raises as
        `remotes.fetch_head` does. `remote.ref` is no pattern. Raises Unavailable GIT029 where the
        disk refuses.

        A commit that is here already is not asked for again. With `finder`, what a branch has more
        than at the last fetch comes over its kept connection where it can. A mirror that git cannot
        use is thrown away and made anew, once.
        """
        with _told_of_disk():
            if self.git_dir.exists() and self._made_for() != str(self.extent):
                self.delete()
            self._ensure()
            (self.git_dir / USED).touch()
            try:
                if finder is None or not self._bring_pack(remote, finder):
                    self._bring(remote, max_pack_bytes)
                return self.describe(_HEAD)
            except (Unavailable, GitFailed):
                if self._is_sound():
                    raise
                shutil.rmtree(self.git_dir, ignore_errors=True)
            self._ensure()
            self._bring(remote, max_pack_bytes)
            return self.describe(_HEAD)

    def bring_contents(
        self,
        remote: Remote,
        sha: CommitSha,
        path: str,
        *,
        only: Sequence[str] = (),
        max_pack_bytes: int | None = None,
    ) -> None:
        """Fetch what the files of a revision below `path` hold, as far as `list_tree` would list
        them and the mirror left it out; raises as `remotes.fetch_head` does. A tree that is too
        large or not there is `list_tree`'s to tell."""
        place = sha if path == "." else f"{sha}:{path}"
        try:
            command = ["ls-tree", "-r", "-t", "-z", place, "--", *only]
            output = run_git(command, git_dir=self.git_dir, max_output_bytes=_LISTING_BYTES)
        except GitFailed:
            return
        rows = [row.split(b"\t", 1)[0].split() for row in output.split(b"\0") if row]
        blobs = [oid.decode() for _, kind, oid in rows if kind == b"blob"]
        self._bring_missing(remote, blobs, max_pack_bytes)

    def contains(self, commit: CommitSha) -> bool | None:
        """Whether the history of what was fetched last holds the commit; None where the mirror ends
        before that can be told."""
        try:
            arguments = ["merge-base", "--is-ancestor", commit, _HEAD]
            run_git(arguments, git_dir=self.git_dir)
        except GitFailed:  # 1: it does not; 128: the commit is not here at all
            return None if self._ends_between(commit) else False
        return True

    def _ends_between(self, commit: CommitSha) -> bool:
        """Whether history was cut at a commit that the head has and the other has not: the other
        may lie behind it."""
        try:
            cut = set((self.git_dir / "shallow").read_text().split())
        except FileNotFoundError:
            return False
        others = [f"^{commit}"] if self.has(commit) else []
        found = run_git(["rev-list", _HEAD, *others], git_dir=self.git_dir)
        return not cut.isdisjoint(found.decode().split())

    def delete(self) -> None:
        """Remove it from this worker's disk; nothing is lost that the remote has."""
        shutil.rmtree(self.git_dir, ignore_errors=True)

    def find_commit(self, name: str) -> CommitSha | None:
        """The commit whose hash begins so, by 7 to 40 hex digits; None where there is none, or
        more than one."""
        if not _HASH.fullmatch(name):
            return None
        asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        try:
            return CommitSha(run_git(asked, git_dir=self.git_dir).decode().strip())
        except GitFailed:
            return None

    def describe(self, commit: str) -> Revision:
        """Sha, author, subject and time of a commit of the mirror."""
        arguments = ["log", "-1", "--format=%H%x00%ct%x00%an%x00%ae%x00%s"]
        arguments += ["--end-of-options", commit]
        try:
            output = run_git(arguments, git_dir=self.git_dir, max_output_bytes=_WORDS_BYTES)
        except GitTooLong as failure:
            output = failure.start
        words = output.decode("utf-8", "replace").rstrip("\n")
        sha, at, author, email, subject = f"{words}\0\0".split("\0")[:5]
        committed_at = datetime.fromtimestamp(min(int(at), _LATEST_S), UTC)
        return Revision(
            CommitSha(sha),
            plain(author)[:200],
            plain(subject)[:500],
            committed_at,
            plain(email)[:200],
        )

    def list_tree(
        self, sha: CommitSha, path: str, max_entries: int, only: Sequence[str] = ()
    ) -> list[TreeEntry] | None:
        """Every entry below the DAG root `path`, of `only` alone where that names any; Invalid
        GIT005 where `path` is no folder.

        None where there are more than `max_entries`, or their paths are too long to be listed:
        trees that share their folders can hold 10^9 entries in a few objects. Symlinks come
        without their target, which `read_blobs` brings. Raises Unavailable GIT012 where the mirror
        is damaged; the next fetch makes it anew.
        """
        place = sha if path == "." else f"{sha}:{path}"
        try:
            # Folders are printed too, so that no tree can keep git busy without printing.
            output = run_git(
                ["ls-tree", "-r", "-t", "-l", "-z", place, "--", *only],
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
                "Name its DAG folder: windlass repo set NAME --path FOLDER",
            ) from None
        rows = [row for row in output.split(b"\0") if row and not row.startswith(_FOLDER)]
        if len(rows) > max_entries:
            return None
        try:
            return [_tree_entry(row) for row in rows]
        except ValueError:  # git prints BAD for the size of a blob that it lost
            raise self._damaged() from None

    def list_changes(
        self,
        old: CommitSha,
        new: CommitSha,
        path: str,
        max_changes: int,
        only: Sequence[str] = (),
    ) -> tuple[list[TreeEntry], list[str]] | None:
        """The entries below `path` that are new or other in `new` than in `old`, and the paths that
        are gone; entries as in `list_tree`.

        None where that cannot be told: a revision or folder is not there, or there are more than
        `max_changes`.
        """
        places = [sha if path == "." else f"{sha}:{path}" for sha in (old, new)]
        command = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", *places]
        command += ["--", *only]
        try:
            output = run_git(command, git_dir=self.git_dir)
            fields = output.split(b"\0")[:-1]
            if len(fields) > 2 * max_changes:
                return None
            rows = [(meta.decode().split(), _text(p)) for meta, p in _pairs(fields)]
            sizes = self._sizes(dict.fromkeys(row[3] for row, _ in rows if row[1] in _BLOB_MODES))
        except GitFailed:
            return None
        there = [(row, place) for row, place in rows if row[4] != "D"]
        changed = [TreeEntry(p, _kind(row[1]), row[3], sizes.get(row[3], 0)) for row, p in there]
        return changed, [place for row, place in rows if row[4] == "D"]

    def _sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """The size of each blob, as git knows it without reading it. Raises GitFailed."""
        found = self._look_up(oids)
        if "missing" in found.values():
            raise GitFailed("cat-file", 1, "a blob is missing")
        return {oid: int(size) for oid, size in found.items()}

    def _look_up(self, oids: Iterable[str]) -> dict[str, str]:
        """Blob → its size, or `missing`. Raises GitFailed."""
        request = "".join(f"{oid}\n" for oid in oids).encode()
        if not request:
            return {}
        asked = ["cat-file", "--batch-check=%(objectname) %(objectsize)"]
        lines = run_git(asked, git_dir=self.git_dir, stdin=request).decode().splitlines()
        return dict(line.split() for line in lines)

    def _bring_missing(
        self, remote: Remote, oids: Iterable[str], max_pack_bytes: int | None = None
    ) -> None:
        found = self._look_up(dict.fromkeys(oids))
        missing = [oid for oid, size in found.items() if size == "missing"]
        if not missing:
            return
        try:
            fetch_blobs(remote, self.git_dir, missing, max_file_bytes=max_pack_bytes)
        finally:
            self._sweep()

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each blob, once per oid, without filters; beside what the caller keeps,
        little more than `_BATCH_BYTES` are held at a time.

        What a partial mirror left out is fetched first, which raises as `remotes.fetch_head` does.
        Raises Unavailable GIT012 as `list_tree` does.
        """
        wanted = list(dict.fromkeys(oids))
        self._want(wanted)
        try:
            for batch in self._batches(wanted):
                yield from self._read_batch(batch)
        except GitFailed:
            raise self._damaged() from None

    def _batches(self, oids: list[str]) -> Iterator[list[str]]:
        """The blobs in their order, in parts that one git process prints."""
        sizes = dict.fromkeys(oids, 0) if len(oids) <= _FEW else self._sizes(oids)
        batch: list[str] = []
        total = 0
        for oid in oids:
            if batch and total + sizes[oid] > _BATCH_BYTES:
                yield batch
                batch, total = [], 0
            batch.append(oid)
            total += sizes[oid]
        if batch:
            yield batch

    def _read_batch(self, oids: list[str]) -> Iterator[tuple[str, bytes]]:
        """Raises GitFailed, also where a blob is missing."""
        request = "\n".join([*oids, ""]).encode()
        printed = run_git(
            ["cat-file", "--batch"],
            git_dir=self.git_dir,
            stdin=request,
            max_output_bytes=_BLOBS_BYTES,
        )
        output = memoryview(printed)
        start = 0
        for oid in oids:
            header_end = start + bytes(output[start : start + 200]).index(b"\n")
            header = bytes(output[start:header_end]).split(b" ")
            if len(header) != 3:  # `OID missing`
                raise GitFailed("cat-file", 1, f"{oid} is missing")
            size = int(header[2])
            start = header_end + 1 + size + 1
            yield oid, bytes(output[header_end + 1 : start - 1])

    def find_blob(self, oid: str) -> bytes | None:
        """The content of a blob; None where the mirror has it not, or not any more, and the remote
        does not give it either."""
        try:
            self._want([oid])
            return run_git(
                ["cat-file", "blob", oid], git_dir=self.git_dir, max_output_bytes=_BLOBS_BYTES
            )
        except (GitFailed, AppError):
            return None

    def keep_blobs(self, contents: Mapping[str, bytes]) -> None:
        """Store contents by their blobs' names, so that they can be read like those of commits, for
        as long as the mirror lives. Names that the mirror has are not stored again."""
        try:
            found = self._look_up(contents)
            wanted = sorted(oid for oid, size in found.items() if size == "missing")
            if not wanted:
                return
            stream = b"".join(
                b"blob\ndata %d\n%s\n" % (len(contents[o]), contents[o]) for o in wanted
            )
            run_git(["fast-import", "--quiet"], git_dir=self.git_dir, stdin=stream)
            rows = "".join(f"100644 blob {oid}\t{oid}\n" for oid in wanted)
            tree = run_git(["mktree"], git_dir=self.git_dir, stdin=rows.encode()).decode().strip()
            # A ref to a tree: gc keeps what it leads to, and no remote is told of it.
            run_git(["update-ref", f"{_MADE}/{tree}", tree], git_dir=self.git_dir)
        except GitFailed:
            raise self._damaged() from None

    def _want(self, oids: Iterable[str]) -> None:
        """Fetch those of the blobs that a partial mirror left out."""
        if self.origin is not None and self.extent.is_partial:
            with contextlib.suppress(GitFailed):  # who reads next tells
                self._bring_missing(self.origin(), oids)

    def _bring(self, remote: Remote, max_pack_bytes: int | None) -> None:
        if remote.ref.kind is RefKind.COMMIT and self.has(CommitSha(remote.ref.name)):
            run_git(["update-ref", _HEAD, remote.ref.name], git_dir=self.git_dir)
            return
        later = replace(self.extent, depth=None)
        extent = later if self._has_head() else self.extent
        try:
            fetch_head(remote, self.git_dir, _HEAD, max_file_bytes=max_pack_bytes, extent=extent)
        except Invalid as refused:
            if refused.code != "GIT014" or extent == self.extent:
                raise
            # History was rewritten before where the mirror begins, and that is a lot.
            self._sweep()
            extent = self.extent
            fetch_head(remote, self.git_dir, _HEAD, max_file_bytes=max_pack_bytes, extent=extent)
        finally:
            self._sweep()

    def _bring_pack(self, remote: Remote, finder: HeadFinder) -> bool:
        """Bring the branch's commit over the finder's connection; False where `git fetch` must.

        The pack is judged as `git fetch` judges one (`transfer.fsckObjects`, and whether all that
        the commit needs is here), by the same programs.
        """
        have = self._read_head()
        if have is None or remote.ref.kind is not RefKind.BRANCH or self.extent != WHOLE:
            return False  # a host that is told `have` takes all before it for known
        found = finder.find_pack(remote, have)
        if found is None:
            return False
        sha, pack = found
        if pack:
            try:
                store = ["index-pack", "--stdin", "--fix-thin", "--strict"]
                run_git(store, git_dir=self.git_dir, stdin=pack)
                connected = ["rev-list", "--objects", "--quiet", sha, "--not", "--all"]
                run_git(connected, git_dir=self.git_dir)
                run_git(["update-ref", _HEAD, sha], git_dir=self.git_dir)
            except GitFailed:  # git says why when it fetches
                self._sweep()
                return False
        return True

    def _read_head(self) -> CommitSha | None:
        """What was fetched last, read where git keeps it mostly; None where it keeps it elsewhere
        (upkeep packs refs), or there is none."""
        try:
            text = (self.git_dir / _HEAD).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        return CommitSha(text) if re.fullmatch("[0-9a-f]{40}", text) else None

    def fetch_aside(self, remote: Remote, max_pack_bytes: int | None = None) -> None:
        """Bring a commit of another repository, a submodule's, beside what is followed; raises as
        `remotes.fetch_head` does."""
        into = f"refs/windlass/modules/{remote.ref.name}"  # so that upkeep does not drop it
        extent = Extent(depth=1 if self.extent.depth else None)
        try:
            fetch_head(remote, self.git_dir, into, max_file_bytes=max_pack_bytes, extent=extent)
        finally:
            self._sweep()

    def fetch_named(
        self, remote: Remote, name: str, number: int, max_pack_bytes: int | None = None
    ) -> Revision:
        """Bring what a ref of any full name leads to, without history, under a number of the
        caller's, and describe it; raises as `remotes.fetch_named` does."""
        into = f"refs/windlass/pulls/{number}"
        with _told_of_disk():
            self._ensure()
            (self.git_dir / USED).touch()
            try:
                fetch_named(remote, self.git_dir, name, into, max_file_bytes=max_pack_bytes)
            finally:
                self._sweep()
            return self.describe(into)

    def find_fork(
        self,
        remote: Remote,
        name: str,
        number: int,
        head: CommitSha,
        max_pack_bytes: int | None = None,
    ) -> CommitSha | None:
        """Where a commit that `fetch_named` brought left the branch that is followed; None where
        they share no history. Brings as much history as that takes; raises as `fetch_named`."""
        wanted = {name: f"refs/windlass/pulls/{number}", remote.ref.full_name: _TARGET}
        with _told_of_disk():
            for depth in (_NEAR, None):
                if depth is None and not (self.git_dir / "shallow").exists():
                    break  # all of it is here
                try:
                    fetch_history(
                        remote,
                        self.git_dir,
                        wanted,
                        depth,
                        max_file_bytes=max_pack_bytes,
                        is_partial=self.extent.is_partial,
                    )
                finally:
                    self._sweep()
                with contextlib.suppress(GitFailed):  # 1: none so far
                    found = run_git(["merge-base", _TARGET, head], git_dir=self.git_dir)
                    return CommitSha(found.decode().strip())
        return None

    def has(self, commit: CommitSha) -> bool:
        """Whether the mirror has the commit."""
        try:
            run_git(["cat-file", "-e", f"{commit}^{{commit}}"], git_dir=self.git_dir)
        except GitFailed:
            return False
        return True

    def _sweep(self) -> None:
        """Remove what a fetch that was ended left of its pack; it may be as large as the limit."""
        for rest in (self.git_dir / "objects/pack").glob("tmp_*"):
            rest.unlink(missing_ok=True)

    def _ensure(self) -> None:
        if not (self.git_dir / "HEAD").exists():
            self.git_dir.mkdir(parents=True, exist_ok=True)
            run_git(["init", "--quiet", "--bare", "--template=", str(self.git_dir)])
            (self.git_dir / _EXTENT).write_text(str(self.extent))
        for lock in (self.git_dir / "refs").rglob("*.lock"):  # of a fetch that was killed
            lock.unlink(missing_ok=True)

    def _made_for(self) -> str:
        try:
            return (self.git_dir / _EXTENT).read_text()
        except FileNotFoundError:
            return str(WHOLE)

    def _has_head(self) -> bool:
        """Whether something was fetched; asked only where the first fetch is another."""
        return self.extent.depth is not None and self.has(CommitSha(_HEAD))

    def _damaged(self) -> Unavailable:
        """Throw the mirror away, and say so."""
        shutil.rmtree(self.git_dir, ignore_errors=True)
        return Unavailable(
            "GIT012", f"the mirror {self.git_dir.name} was damaged; the next sync makes it anew"
        )

    def _is_sound(self) -> bool:
        try:
            run_git(["rev-parse", "--git-dir"], git_dir=self.git_dir)
            access = Access(config=promised_in(self.git_dir))
            command = ["fsck", "--connectivity-only", "--no-progress"]
            run_git(command, git_dir=self.git_dir, access=access)
        except GitFailed:
            return False
        return True


@contextlib.contextmanager
def _told_of_disk() -> Iterator[None]:
    """Say Unavailable GIT029 where the file system refuses us, or git."""
    try:
        yield
    except OSError as error:
        raise mirror_refused(error.strerror or str(error)) from error
    except GitFailed as failure:
        raise disk_refusal(failure.stderr) or failure from None


def mirror_of(folder: Path, repository: RepositoryId) -> Mirror:
    """The mirror of a repository below the mirrors' folder; nothing is made yet."""
    return Mirror(folder / f"{repository}.git")


def _pairs(fields: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The records of `diff-tree --raw -z`: `:OLDMODE NEWMODE OLD NEW STATUS`, then the path."""
    return zip(fields[::2], fields[1::2], strict=True)


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
