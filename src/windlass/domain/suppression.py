"""What people write beside a line so that a finding there does not count: why, and until when."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any

_MARK = re.compile(r"#\s*windlass\s*:\s*(.*)")
_FORM = re.compile(
    r"ignore\s*\[([^\]]{0,300})\]\s*(?:reason\s*=\s*(\"[^\"]{0,500}\"|'[^']{0,500}')\s*)?"
    r"(?:until\s*=\s*(\S{1,20}))?\s*"
)
_FOREIGN = re.compile(
    r"#\s*(?:noqa|nosec|nosemgrep)\b|#.{0,80}pragma: *allowlist|#\s*gitleaks:allow"
)
_MAX = 200


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment. `rules` are codes; it is about its own line and the one below.

    `until` is the last day on which it holds; None with an empty `reason` where either is missing
    or not understood, and then it holds for nothing.
    """

    line: int
    rules: tuple[str, ...]
    reason: str
    until: date | None

    @property
    def is_whole(self) -> bool:
        """Whether it says all that it must."""
        return bool(self.rules and self.reason and self.until)

    def to_json(self) -> list[Any]:
        line, rules, reason, until = astuple(self)
        return [line, rules, reason, until.isoformat() if until else None]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Suppression":
        """The inverse of `to_json`."""
        line, rules, reason, until = row
        return cls(line, tuple(rules), reason, date.fromisoformat(until) if until else None)


def suppressions_in(comments: Iterable[tuple[int, str]]) -> list[Suppression]:
    """Those among comments, which come with their lines.

    >>> suppressions_in([(3, '# windlass: ignore[DNG001] reason="trusted" until=2027-01-31')])
    [Suppression(line=3, rules=('DNG001',), reason='trusted', until=datetime.date(2027, 1, 31))]
    """
    marked = ((line, _MARK.search(text)) for line, text in comments)
    return [_suppression(line, found[1]) for line, found in marked if found][:_MAX]


def foreign_in(comments: Iterable[tuple[int, str]]) -> int:
    """How many comments ask other tools to be silent; here they do nothing."""
    return sum(1 for _, text in comments if _FOREIGN.search(text))


def _suppression(line: int, text: str) -> Suppression:
    found = _FORM.match(text)
    if found is None:
        return Suppression(line, (), "", None)
    rules = tuple(filter(None, (code.strip() for code in found[1].split(","))))
    return Suppression(line, rules, (found[2] or "")[1:-1].strip(), _date(found[3]))


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def comment_lines(text: str) -> Iterator[tuple[int, str]]:
    """Comments of a text in which `#` begins one, such as YAML, with their lines; also what only
    looks like one, in a text of several lines."""
    for number, line in enumerate(text.split("\n"), start=1):
        at = line.find("#")
        if at == 0 or (at > 0 and line[at - 1].isspace()):
            yield number, line[at:]
