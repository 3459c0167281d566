"""Findings: problems in what people wrote, each at one place. Never exceptions."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is. The release policy decides which severities deny."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """4 for critical down to 0 for info, so that severities can be compared."""
        return 4 - list(Severity).index(self)


class FindingType(StrEnum):
    """The family of checks a finding comes from. A closed list: reports and policies rely on it."""

    INTAKE = "intake"
    SYNTAX = "syntax"
    STRUCTURE = "structure"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place.

    `line` and `column` count from 1; None means the whole file. An empty `path` means the tree as
    a whole. `message` quotes the user's own words; `hint` says what to do. Neither holds a secret.
    """

    code: str
    severity: Severity
    type: FindingType
    path: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """`path:line:column`, as far as it is known; `(tree)` for the tree as a whole.

        >>> Finding("SYN001", Severity.HIGH, FindingType.SYNTAX, "a.py", "…", line=3).place
        'a.py:3'
        """
        parts = (self.path or "(tree)", self.line, self.column)
        return ":".join(str(part) for part in parts if part is not None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Finding":
        known = {**row, "severity": Severity(row["severity"]), "type": FindingType(row["type"])}
        return cls(**known)


def by_severity(findings: tuple[Finding, ...] | list[Finding]) -> tuple[Finding, ...]:
    """The findings, worst first, then by path and line."""
    return tuple(
        sorted(findings, key=lambda f: (-f.severity.rank, f.path, f.line or 0, f.column or 0))
    )
