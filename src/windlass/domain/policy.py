"""From findings to a verdict. The policy comes from the control side, never from the revision."""

from dataclasses import dataclass

from windlass.domain.digest import digest_json
from windlass.domain.finding import Finding, Severity, by_severity


@dataclass(frozen=True, slots=True)
class Policy:
    """The release policy: findings of `deny_at` or worse deny the whole revision (mode `all`)."""

    deny_at: Severity = Severity.HIGH

    @property
    def digest(self) -> str:
        """Changes whenever the policy does; part of a sync's input digest."""
        return digest_json({"format": 1, "deny_at": self.deny_at})


@dataclass(frozen=True, slots=True)
class Allowed:
    """The revision may become a release. `findings` are advice; none of them denies."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """The revision must not reach a pointer. `reasons` is the denying part of `findings`."""

    findings: tuple[Finding, ...]
    reasons: tuple[Finding, ...]


Verdict = Allowed | Denied


def decide(findings: tuple[Finding, ...], policy: Policy) -> Verdict:
    """Judge a build by its findings; both lists come back worst first."""
    ordered = by_severity(findings)
    reasons = tuple(f for f in ordered if f.severity.rank >= policy.deny_at.rank)
    return Denied(ordered, reasons) if reasons else Allowed(ordered)
