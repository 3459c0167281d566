"""A clone on this machine, of which revisions are read and nothing is changed."""

from dataclasses import dataclass
from pathlib import Path

from windlass.domain.errors import Invalid
from windlass.domain.repository import CommitSha
from windlass.git.mirror import Mirror
from windlass.git.process import GitFailed, run_git
from windlass.git.worktree import UNTRUSTED_FOLDER


@dataclass(frozen=True, slots=True)
class Clone:
    """The clone that the folder `root` is in; `prefix` is where it is there, `.` at the top."""

    root: Path
    mirror: Mirror
    prefix: str

    @classmethod
    def at(cls, root: Path) -> "Clone":
        """Raises Invalid PLAN001 where the folder is in no clone."""
        try:
            git_dir = _line(root, "rev-parse", "--absolute-git-dir")
            prefix = _line(root, "rev-parse", "--show-prefix")
        except GitFailed as error:
            raise Invalid(
                "PLAN001",
                f"{str(root)!r} is not in a clone of a Git repository",
                "Name a folder of one, or a repository of the server: windlass plan --repository"
                " NAME",
            ) from error
        return cls(root, Mirror(Path(git_dir)), prefix.rstrip("/") or ".")

    def commit(self, name: str) -> CommitSha:
        """The commit that a branch, tag or hash names. Raises Invalid PLAN002 where none is."""
        try:
            asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            return CommitSha(_line(self.root, *asked))
        except GitFailed as error:
            raise Invalid(
                "PLAN002",
                f"the clone has no commit {name!r}",
                "Name a branch, tag or commit that was fetched: git fetch origin",
            ) from error

    def fork_point(self, base: CommitSha, head: CommitSha) -> CommitSha:
        """Where `head` left `base`: what the head is compared with. Raises Invalid PLAN003 where
        the clone does not know it."""
        try:
            return CommitSha(_line(self.root, "merge-base", base, head))
        except GitFailed as error:
            raise Invalid(
                "PLAN003",
                f"the clone knows no common ancestor of {base[:7]} and {head[:7]}",
                "Fetch more history, such as `git fetch --unshallow`, or give --exact.",
            ) from error

    def has_folder(self, commit: CommitSha) -> bool:
        """Whether the commit has the DAG root."""
        place = commit if self.prefix == "." else f"{commit}:{self.prefix}"
        try:
            return _line(self.root, "cat-file", "-t", place) in ("commit", "tree")
        except GitFailed:
            return False


def _line(root: Path, *arguments: str) -> str:
    output = run_git(["-C", str(root), *arguments], access=UNTRUSTED_FOLDER)
    return output.decode("utf-8", "surrogateescape").strip("\n")
