"""Pull requests to the branch that a repository follows, and what was said of their heads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from windlass.domain.delivery import ForgeKind
from windlass.domain.finding import FindingType
from windlass.domain.report import Report

TELLING = frozenset(
    {FindingType.IMPORT, FindingType.TESTS, FindingType.REFERENCE, FindingType.DEPENDENCY}
)
"""Findings that say what an import printed, or what the environment has: of a fork's pull request
they are not posted (security rule S4)."""


class PullState(StrEnum):
    """Where a pull request is at its Git host."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"  # without a merge


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What merging a head would do, as JSON (docs/plan.md), and what of it its host may show, None
    where that is the same; `problem` says why there is none."""

    content: Mapping[str, Any] | None = None
    posted: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def shown(self) -> Mapping[str, Any] | None:
        """What a host may show of it."""
        return self.posted or self.content


@dataclass(frozen=True, slots=True)
class PullRequestStatus:
    """A pull request and what is known of its head.

    `revision` is the head that was checked last, None before the first check; `report` is what was
    found in it. `problem` is why it could not be checked, empty where it was. Of a fork's, nothing
    is imported or run until a person approves a commit: `approved_revision`, by `approved_by`.
    `is_static`: the last check imported and ran nothing for that reason. `plan` is of that head,
    and empty in lists.
    """

    repository: str
    number: int
    state: PullState
    kind: ForgeKind
    source: str
    target: str
    is_fork: bool
    is_static: bool
    revision: str | None
    report: Report | None
    approved_revision: str | None
    approved_by: str | None
    problem: str
    changed_at: datetime
    checked_at: datetime | None
    plan: PullPlan = field(default_factory=PullPlan)

    @property
    def verdict(self) -> str:
        """`allowed`, `denied`, or `not checked`."""
        if self.report is None:
            return "not checked"
        return "allowed" if self.report.passed else "denied"


def head_ref(kind: ForgeKind, number: int, source: str, *, is_fork: bool) -> str | None:
    """Where the base's repository has the head of a pull request, by its host's documentation;
    None where the host keeps no such ref.

    >>> head_ref(ForgeKind.GITLAB, 7, "refs/heads/topic", is_fork=True)
    'refs/merge-requests/7/head'
    """
    match kind:
        case ForgeKind.GITHUB | ForgeKind.GITEA | ForgeKind.GOGS:
            return f"refs/pull/{number}/head"
        case ForgeKind.GITLAB:
            return f"refs/merge-requests/{number}/head"
        case ForgeKind.BITBUCKET_SERVER:
            return f"refs/pull-requests/{number}/from"
    return None if is_fork else source
