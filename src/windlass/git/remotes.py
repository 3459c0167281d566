"""Asking a remote: the head of a branch, a fetch into the mirror, and what their failures mean."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import CommitSha
from windlass.git.guard import pin_address
from windlass.git.process import (
    FETCH_LIMIT_S,
    LS_REMOTE_LIMIT_S,
    BasicAuth,
    GitFailed,
    run_git,
)


@dataclass(frozen=True, slots=True)
class Remote:
    """A branch of a repository somewhere, and how to get in. `allowed` is for `git.guard`."""

    url: str
    branch: str
    auth: BasicAuth | None = None
    allowed: Sequence[str] = ()

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"


def find_head(remote: Remote) -> CommitSha:
    """The commit at the head of the branch, by `git ls-remote`.

    Raises Invalid where a person must act (GIT002 refused, GIT003 no such repository, GIT004 no
    such branch), Unavailable where trying again may help.
    """
    with _explained(remote):
        output = run_git(
            ["ls-remote", "--end-of-options", remote.url, remote.ref],
            auth=remote.auth,
            config=pin_address(parse_remote_url(remote.url), remote.allowed),
            limit_s=LS_REMOTE_LIMIT_S,
        )
    for line in output.decode("ascii", "replace").splitlines():
        sha, _, ref = line.partition("\t")
        if ref == remote.ref and re.fullmatch(r"[0-9a-f]{40}", sha):
            return CommitSha(sha)
    raise Invalid(
        "GIT004",
        f"{remote.url} has no branch {remote.branch!r}",
        "Name an existing branch with --branch.",
    )


def fetch_head(remote: Remote, git_dir: Path, into: str) -> None:
    """Fetch the branch with its history into the local ref `into`; raises as `find_head` does."""
    with _explained(remote):
        run_git(
            [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--end-of-options",
                remote.url,
                f"+{remote.ref}:{into}",
            ],
            git_dir=git_dir,
            auth=remote.auth,
            config=pin_address(parse_remote_url(remote.url), remote.allowed),
            limit_s=FETCH_LIMIT_S,
        )


@contextlib.contextmanager
def _explained(remote: Remote) -> Iterator[None]:
    try:
        yield
    except GitFailed as failure:
        raise _explain(remote, failure.stderr) from None


def _explain(remote: Remote, stderr: str) -> AppError:
    """What git's words mean. The phrases are those of git 2.37 to 2.51 under LC_ALL=C."""
    if "Authentication failed" in stderr or "could not read Username" in stderr:
        return Invalid(
            "GIT002",
            f"{remote.url} refuses the user and password, or wants some",
            "Give them with --username and --password-stdin.",
        )
    if re.search(r"error: 403|repository '.*' not found|error: 404", stderr):
        return Invalid(
            "GIT003",
            f"{remote.url} is no repository, or not one that these credentials may read",
            "Open the URL in a browser and compare.",
        )
    if "couldn't find remote ref" in stderr:
        return Invalid(
            "GIT004",
            f"{remote.url} has no branch {remote.branch!r}",
            "Name an existing branch with --branch.",
        )
    last = stderr.strip().splitlines()[-1:] or ["no message"]
    return Unavailable("GIT006", f"{remote.url} cannot be fetched now: {last[0]}")
