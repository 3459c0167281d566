"""A repository: one registration of remote + ref + path, and what is known of its sync."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from windlass.domain.errors import Invalid
from windlass.domain.options import DEFAULTS, Options
from windlass.domain.paths import check_path as check_path  # noqa: PLC0414  # it is of options too
from windlass.domain.ref import CommitSha as CommitSha  # noqa: PLC0414  # it is of revisions too
from windlass.domain.ref import Ref, RefChoice

RepositoryId = NewType("RepositoryId", int)

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
    author_email: str = ""


class Owner(StrEnum):
    """Who may change a registration or an environment; the others refuse to."""

    API = "api"
    FILE = "file"  # windlass.yaml
    SETTINGS = "settings"  # WINDLASS_AIRFLOW_URL and its companions; environments only


@dataclass(frozen=True, slots=True)
class Repository:
    """What a sync needs to know of a repository. `path` is the DAG root, `.` for the whole tree.

    While it is suspended, nothing is polled, and nothing deployed but a rollback; from
    `removing_at` on, its bundle is on the way to be free.
    """

    id: RepositoryId
    name: str
    namespace: str
    environment: str
    url: str
    ref: Ref
    path: str
    credential: str | None
    sync_interval_s: int
    options: Options = DEFAULTS
    owner: Owner = Owner.API
    suspended_at: datetime | None = None
    removing_at: datetime | None = None
    ref_choice: RefChoice = RefChoice.GIVEN
    expected_revision: CommitSha | None = None

    @property
    def dag_id_prefix(self) -> str | None:
        """What every dag_id has to begin with; None where the repository does not ask for it."""
        return f"{self.namespace}__" if self.options.dag_id_prefix else None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write for one repository, until another worker takes a newer epoch."""

    repository: Repository
    epoch: int


class SyncState(StrEnum):
    """Where the head of a repository's branch is on its way to Airflow."""

    NEW = "new"  # never synced
    LIVE = "live"  # the live release is the head
    PUBLISHED = "published"  # deployed where no Airflow is known that could be asked
    SYNCING = "syncing"  # the head is noticed, or deployed and not yet seen in Airflow
    DENIED = "denied"  # the head has denying findings; the live release stays
    WAITING_APPROVAL = "waiting_approval"  # the head is a release that a person must approve
    HELD = "held"  # a hold is open, or the head's content is quarantined; the live release stays
    SUSPENDED = "suspended"  # nobody polls it; the live release stays
    REMOVING = "removing"  # its DAGs are on their way out of Airflow
    BEHIND = "behind"  # the last attempt failed; it will be tried again


class Health(StrEnum):
    """What Airflow reports of the live release."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # import errors
    UNKNOWN = "unknown"  # not asked yet, no answer, or no Airflow address is set


def check_name(kind: str, name: str) -> str:
    """`name` if it can name a `kind` (repository, namespace), else Invalid REPO001.

    The name of a credential is not shown then: people give the secret itself in its place.
    """
    if _NAME.fullmatch(name):
        return name
    if kind == "credential":
        raise Invalid(
            "REPO001",
            "the name of a credential is not valid: expected 1 to 63 of a-z 0-9 . _ - that begin "
            "and end with a letter or a digit",
            "Give the name of a stored one, never a secret: windlass credential list",
        )
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
