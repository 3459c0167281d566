"""Findings: problems in what people wrote, each at one place. Never exceptions."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from windlass.domain.digest import digest_json


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
        return _RANKS[self]

    @property
    def score(self) -> float:
        """The `security-severity` of SARIF, on the scale of CVSS: code hosts sort alerts by it."""
        return {"critical": 9.0, "high": 7.0, "medium": 4.0, "low": 1.0, "info": 0.0}[self]


_RANKS = {severity: rank for rank, severity in enumerate(reversed(Severity))}


class FindingType(StrEnum):
    """What kind of problem it is. A closed list: reports and policies rely on it."""

    HARDCODED_CREDENTIALS = "hardcoded_credentials"
    DANGEROUS_OPERATION = "dangerous_operation"
    SYNTAX = "syntax"
    IMPORT = "import"
    DEPENDENCY = "dependency"
    STRUCTURE = "structure"
    REFERENCE = "reference"
    POD = "pod"
    POLICY = "policy"
    INTAKE = "intake"
    LINT = "lint"
    AIRFLOW_COMPAT = "airflow_compat"
    TESTS = "tests"


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why a finding does not count: a comment beside its line (`inline`), a `waiver` of the control
    side, or a `baseline` of what was there before. `until` is the last day, as in 2027-01-31; empty
    where there is none. `by` is who says so, as far as that is known."""

    kind: str
    reason: str
    by: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place.

    `line` and `column` count from 1; None means the whole file. `end_column` is the first column
    of the same line that does not belong to it any more. An empty `path` means the tree as a whole.
    `message` quotes the user's own words; `hint` says what to do. `excerpt` is the line itself,
    column for column, its strings and comments starred out; empty where it cannot be shown. None of
    them holds a secret. `fingerprint` (`fingerprinted`) tells it from others; empty where it was
    found before there were any. One that is `excused` denies nothing.
    """

    code: str
    severity: Severity
    type: FindingType
    path: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    excerpt: str = ""
    fingerprint: str = ""
    excused: Excuse | None = None

    @property
    def place(self) -> str:
        """`path:line:column`, as far as it is known; `(tree)` for the tree as a whole.

        >>> Finding("SYN001", Severity.HIGH, FindingType.SYNTAX, "a.py", "…", line=3).place
        'a.py:3'
        """
        parts = (self.path or "(tree)", self.line, self.column)
        return ":".join(str(part) for part in parts if part is not None)

    def to_json(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in _FIELDS}
        if self.excused is not None:
            said["excused"] = asdict(self.excused)
        return said

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> "Finding":
        """The inverse of `to_json`; what a newer Windlass says beside that is passed over."""
        known = {name: row[name] for name in _FIELDS if name in row}
        given = {"severity": Severity(row["severity"]), "type": FindingType(row["type"])}
        excused = Excuse(**row["excused"]) if row.get("excused") else None
        return cls(**{**known, **given, "excused": excused})


_LINE_END = re.compile(rb"\r\n?|\n")  # as Python counts lines
_FIELDS = tuple(field.name for field in fields(Finding))


def by_severity(findings: Collection[Finding]) -> tuple[Finding, ...]:
    """The findings, worst first, then by path and line."""
    return tuple(
        sorted(findings, key=lambda f: (-f.severity.rank, f.path, f.line or 0, f.column or 0))
    )


def new_among(now: Iterable[Finding], before: Iterable[Finding]) -> list[Finding]:
    """Those of `now` that were not there before; one without a fingerprint counts as known."""
    known = {one.fingerprint for one in before} | {""}
    return [one for one in now if one.fingerprint not in known]


def fingerprinted(
    findings: Iterable[Finding], contents: Mapping[str, bytes] | None = None
) -> tuple[Finding, ...]:
    """The findings in their order, those without a fingerprint with one.

    It is the SHA-256 over code, path, the words of the line in `contents` (path → bytes), and
    which of several with the same words it is: it stays when lines above come or go. A line that
    holds a secret is taken with its strings starred out, so that no fingerprint can be used to
    guess one.
    """
    given = list(findings)
    if all(one.fingerprint for one in given):
        return tuple(given)
    wanted = {one.path for one in given if one.line} & (contents or {}).keys()
    lines = {path: _LINE_END.split((contents or {})[path]) for path in wanted}
    secret = {
        (f.path, f.line): f.excerpt or f.message
        for f in given
        if f.type is FindingType.HARDCODED_CREDENTIALS
    }
    seen: Counter[tuple[str, str, str]] = Counter()
    marks: dict[int, str] = {}
    for at in sorted(range(len(given)), key=lambda i: _order(given[i])):
        one = given[at]
        words = secret.get((one.path, one.line)) or _words_of(one, lines.get(one.path, ()))
        seen[key := (one.code, one.path, " ".join(words.split()))] += 1
        marks[at] = one.fingerprint or digest_json([*key, seen[key]])
    return tuple(replace(one, fingerprint=marks[at]) for at, one in enumerate(given))


def _order(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line or 0, finding.column or 0, finding.message


def _words_of(finding: Finding, lines: Sequence[bytes]) -> str:
    """The text that the finding is about; the message without its numbers, which may be counts or
    releases, where there is none."""
    if finding.line and finding.line <= len(lines):
        return lines[finding.line - 1].decode("utf-8", "replace")
    return finding.excerpt or re.sub(r"[0-9][0-9,.]*", "#", finding.message)
