"""Findings that somebody lets pass: by a waiver of the control side, or a comment beside a line."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NewType

from windlass.domain.errors import Invalid
from windlass.domain.finding import Excuse, Finding, FindingType, Severity
from windlass.domain.pattern import glob
from windlass.domain.policy import Level, Policy, is_absolute
from windlass.domain.rule import Waiving
from windlass.domain.rules import find_rule
from windlass.domain.suppression import Suppression

WaiverId = NewType("WaiverId", int)
MAX_DAYS = 366
"""How long a waiver may last; it can be given again."""
SOON_DAYS = 14
"""From so many days before its end on, people are told."""
_glob = lru_cache(1024)(glob)


def today() -> date:
    """The day that counts for all that expires: UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One rule that need not be kept at some paths, for a reason and a time.

    `path` is a glob below the DAG root. `repository` None: in all; `fingerprint` None: every
    finding of the rule there. `until` is the last day on which it holds.
    """

    id: WaiverId
    rule: str
    path: str
    reason: str
    actor: str
    until: date
    repository: str | None = None
    fingerprint: str | None = None

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding; for whose repository is not looked at."""
        return (
            self.rule == finding.code
            and self.fingerprint in (None, finding.fingerprint)
            and _glob(self.path).matches(finding.path)
        )

    def to_json(self) -> dict[str, Any]:
        """What it lets pass: two with the same let the same pass."""
        return {
            "rule": self.rule,
            "path": self.path,
            "repository": self.repository,
            "fingerprint": self.fingerprint,
            "until": self.until.isoformat(),
        }


def read_waivers(text: str, repository: str) -> tuple[Waiver, ...]:
    """Those that are for a repository among the ones that `windlass finding waivers --output json`
    printed; Invalid POL014 where the text is something else."""
    try:
        found = [_read(row) for row in json.loads(text)]
    except (ValueError, KeyError, TypeError, Invalid) as error:
        raise Invalid(
            "POL014",
            f"the waivers cannot be read: {type(error).__name__}",
            "Make the file anew: windlass finding waivers --output json > FILE",
        ) from error
    return tuple(one for one in found if one.repository in (None, repository))


def _read(row: Mapping[str, Any]) -> Waiver:
    words = {name: str(row[name]) for name in ("rule", "path", "reason", "actor")}
    glob(words["path"])
    return Waiver(
        id=WaiverId(int(row["id"])),
        until=date.fromisoformat(row["until"]),
        repository=None if row["repository"] is None else str(row["repository"]),
        fingerprint=None if row["fingerprint"] is None else str(row["fingerprint"]),
        **words,
    )


@dataclass(frozen=True, slots=True)
class Excuses:
    """What may let findings pass. `waivers` are those of the repository; `comments` maps paths to
    their suppressions; `baseline` has fingerprints that were there before. `day` is today."""

    waivers: tuple[Waiver, ...] = ()
    comments: Mapping[str, Collection[Suppression]] = field(default_factory=dict)
    baseline: frozenset[str] = frozenset()
    day: date = field(default_factory=today)


def excuse(
    findings: Iterable[Finding], policy: Policy, excuses: Excuses
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings, those that somebody lets pass with who and why; and what is wrong with the
    comments that should have let some pass.

    Fingerprints must be there.
    """
    used: set[tuple[str, int]] = set()
    made = tuple(_excused(one, policy, excuses, used) for one in findings)
    return made, tuple(_comment_findings(excuses, used))


def _excused(
    finding: Finding, policy: Policy, excuses: Excuses, used: set[tuple[str, int]]
) -> Finding:
    if is_absolute(finding):
        return finding
    comment = _comment_for(finding, excuses)
    if comment is not None:
        used.add((finding.path, comment.line))
    if policy.level_of(finding) is Level.ALWAYS:
        return finding
    if comment is not None and comment.until is not None:
        until = comment.until.isoformat()
        return replace(finding, excused=Excuse("inline", comment.reason, until=until))
    for waiver in excuses.waivers:
        if waiver.until >= excuses.day and waiver.covers(finding):
            until = waiver.until.isoformat()
            return replace(finding, excused=Excuse("waiver", waiver.reason, waiver.actor, until))
    if finding.fingerprint in excuses.baseline:
        return replace(finding, excused=Excuse("baseline", "it was there before"))
    return finding


def _comment_for(finding: Finding, excuses: Excuses) -> Suppression | None:
    if finding.line is None or not _may_be_inline(finding.code):
        return None
    for comment in excuses.comments.get(finding.path, ()):
        is_near = comment.line in (finding.line, finding.line - 1)
        if is_near and finding.code in comment.rules and not _wrong(comment, excuses.day):
            return comment
    return None


def _comment_findings(excuses: Excuses, used: Collection[tuple[str, int]]) -> Iterator[Finding]:
    for path, comments in excuses.comments.items():
        for comment in comments:
            if (path, comment.line) not in used:
                yield _wrong(comment, excuses.day, path) or _unused(path, comment)


def _wrong(comment: Suppression, day: date, path: str = "") -> Finding | None:
    """What keeps a comment from letting anything pass; None where nothing does."""
    forbidden = [code for code in comment.rules if not _may_be_inline(code)]
    if not comment.is_whole:
        return _finding(
            "SUP001",
            Severity.MEDIUM,
            path,
            comment,
            "the comment lets nothing pass: it lacks a rule, a reason or a day",
            'Write: # windlass: ignore[RULE] reason="…" until=2027-01-31',
        )
    if forbidden:
        return _finding(
            "SUP002",
            Severity.MEDIUM,
            path,
            comment,
            f"the comment lets nothing pass: {forbidden[0]!r} is no rule that a comment may name",
            "Mend what is found, or ask those who run Windlass for a waiver.",
        )
    if comment.until is not None and comment.until < day:
        return _finding(
            "SUP003",
            Severity.MEDIUM,
            path,
            comment,
            f"the comment held until {comment.until}, and the finding counts again",
            "Mend what is found and remove the comment, or give it a later day.",
        )
    return None


def _unused(path: str, comment: Suppression) -> Finding:
    return _finding(
        "SUP004",
        Severity.LOW,
        path,
        comment,
        f"nothing of {', '.join(comment.rules)} is found here",
        "Remove the comment, before it lets something else pass.",
    )


def _may_be_inline(code: str) -> bool:
    rule = find_rule(code)
    return rule is not None and rule.waiving is Waiving.INLINE


def _finding(
    code: str, severity: Severity, path: str, comment: Suppression, *words: str
) -> Finding:
    message, hint = words
    return Finding(code, severity, FindingType.POLICY, path, message, hint, comment.line)
