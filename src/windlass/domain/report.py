"""What a verdict says, as plain data: the one shape that the API, `check` and all formats use."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.finding import Finding, Severity, new_among
from windlass.domain.policy import Allowed, Policy, Verdict


@dataclass(frozen=True, slots=True)
class Issue:
    """A finding, and whether it denies what it is about."""

    finding: Finding
    denies: bool

    def to_json(self) -> dict[str, Any]:
        """`severity`, `type` and `message` as in every scan result; the rest says where and what
        to do. `rule` and `fix` are other names of `code` and `hint`."""
        found = self.finding
        return {
            **found.to_json(),
            "rule": found.code,
            "fix": found.hint,
            "denies": self.denies,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of the gate for one tree.

    `passed`: something may be deployed. `kept` and `omitted` are the paths that are not deployed
    as they are in the tree, `omitted` with the release that has the last good version, None for
    none. `files` and `dag_ids` are of what would be deployed.
    """

    passed: bool
    validated: bool
    issues: tuple[Issue, ...]
    kept: Mapping[str, int] = field(default_factory=dict)
    omitted: Mapping[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, verdict: Verdict, policy: Policy) -> "Report":
        """The report of a verdict, issues worst first."""
        issues = tuple(Issue(finding, policy.denies(finding)) for finding in verdict.findings)
        if isinstance(verdict, Allowed):
            return cls(True, verdict.validated, issues, verdict.kept, verdict.omitted)
        return cls(False, verdict.validated, issues)

    @property
    def is_whole(self) -> bool:
        """Whether all of the tree may be deployed as it is."""
        return self.passed and not self.kept and not self.omitted

    @property
    def stats(self) -> dict[str, int]:
        """How many issues there are, how many of them deny or are excused, and how many there are
        of each severity."""
        counts = Counter(issue.finding.severity for issue in self.issues)
        return {
            "issues": len(self.issues),
            "denying": sum(issue.denies for issue in self.issues),
            "excused": sum(issue.finding.excused is not None for issue in self.issues),
            **{severity.value: counts[severity] for severity in Severity},
        }

    def to_json(self) -> dict[str, Any]:
        """The shape of every scan result, {passed, issues: [{severity, type, message, …}]}."""
        return {
            "passed": self.passed,
            "verdict": "allowed" if self.passed else "denied",
            "stats": self.stats,
            "validated": self.validated,
            "issues": [issue.to_json() for issue in self.issues],
            "kept": dict(self.kept),
            "omitted": dict(self.omitted),
        }


def new_issues(now: Report, before: Report) -> list[Issue]:
    """What is found now and was not before."""
    fresh = {f.fingerprint for f in new_among(_findings(now), _findings(before))}
    return [issue for issue in now.issues if issue.finding.fingerprint in fresh]


def _findings(report: Report) -> list[Finding]:
    return [issue.finding for issue in report.issues]
