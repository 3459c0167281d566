"""A repository: one registration of remote + ref + path, and what is known of its sync."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from windlass.domain.errors import Invalid

RepositoryId = NewType("RepositoryId", int)
CommitSha = NewType("CommitSha", str)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
MIN_INTERVAL_S = 1
MAX_INTERVAL_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable commit. `committed_at` is the committer's own clock, not to be trusted."""

    sha: CommitSha
    author: str
    subject: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Repository:
    """What a sync needs to know of a repository. `path` is the DAG root, `.` for the whole tree."""

    id: RepositoryId
    name: str
    namespace: str
    environment: str
    url: str
    branch: str
    path: str
    credential: str | None
    sync_interval_s: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one repository, until another worker takes a newer epoch."""

    repository: Repository
    epoch: int


class SyncState(StrEnum):
    """Where the head of a repository's branch is on its way to Airflow."""

    NEW = "new"  # never synced
    LIVE = "live"  # the live release is the head
    SYNCING = "syncing"  # the head is noticed, or deployed and not yet seen in Airflow
    DENIED = "denied"  # the head has denying findings; the live release stays
    HELD = "held"  # the head's content is quarantined; the live release stays
    BEHIND = "behind"  # the last attempt failed; it will be tried again


class Health(StrEnum):
    """What Airflow reports of the live release."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # import errors
    UNKNOWN = "unknown"  # not asked yet, no answer, or no Airflow address is set


def check_name(kind: str, name: str) -> str:
    """`name` if it can name a `kind` (repository, namespace), else Invalid REPO001."""
    if _NAME.fullmatch(name):
        return name
    raise Invalid(
        "REPO001",
        f"{kind} name {name!r} is not valid: expected 1 to 63 of a-z 0-9 . _ - "
        "that begin and end with a letter or a digit",
        f"For example {suggest_name(name)!r}.",
    )


def suggest_name(text: str) -> str:
    """A valid name made from any text, such as the last part of a URL.

    >>> suggest_name("https://git.example/team/My_DAGs.git")
    'my_dags'
    """
    last = text.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git").lower()
    return re.sub(r"[^a-z0-9._-]+", "-", last)[:63].strip("._-") or "repository"


def parse_interval(text: str) -> timedelta:
    """A sync interval such as `60s`, `5m` or `1h`; Invalid REPO002 outside 1 s to 24 h.

    >>> parse_interval("5m")
    datetime.timedelta(seconds=300)
    """
    match = re.fullmatch(r"([0-9]{1,6})([smh]?)", text.strip())
    seconds = int(match[1]) * _UNITS_S[match[2] or "s"] if match else 0
    if not MIN_INTERVAL_S <= seconds <= MAX_INTERVAL_S:
        raise Invalid(
            "REPO002",
            f"sync interval {text!r} is not valid: expected a whole number with s, m or h, "
            "from 1s to 24h",
            "For example 60s.",
        )
    return timedelta(seconds=seconds)


def check_branch(name: str) -> str:
    """`name` if git could have a branch of that name, else Invalid REPO003.

    The rules are those of git-check-ref-format(1), with a leading `-` refused as well, since the
    name is passed to git.
    """
    bad = re.search(
        r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|\.lock(/|$)|(^|/)\.|\.$|/$|^/|^-", name
    )
    if name and name not in ("@", "HEAD") and not bad and len(name) <= 200:
        return name
    raise Invalid(
        "REPO003",
        f"branch {name!r} is not a name that git accepts",
        "Give the branch as `git branch --list` shows it, for example main.",
    )


def check_path(path: str) -> str:
    """The DAG root as a normal relative path, `.` for the whole tree; else Invalid REPO004."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    normal = "/".join(parts) or "."
    bad = re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", path) or ".." in parts
    if not bad and not path.startswith("/") and not normal.startswith("-") and len(path) <= 500:
        return normal
    raise Invalid(
        "REPO004",
        f"path {path!r} is not a folder inside the repository",
        "Give it relative to the top of the repository, for example dags.",
    )
