"""Lint: what ruff said of a file, as findings. ruff itself runs elsewhere (`sandbox/lint.py`)."""

import re
from collections.abc import Sequence
from typing import Any

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.rules.lint import RUFF
from windlass.domain.text import plain

_RULES = {rule.code: rule for rule in RUFF}
_MAX_FINDINGS = 100  # of one file; the next ones say nothing new
_LONG = re.compile(r"`([^`]{4})[^`\s]{12,}`")  # a token without its quotes is a name to ruff
_ADVICE = {
    "F821": "Import or define it; Python fails where it is used.",
    "B023": "Give it to the function: def load(table=table).",
    "AIR304": "Give a fixed value: datetime(2026, 1, 1).",
}


def lint_findings(path: str, rows: Sequence[Sequence[Any]]) -> list[Finding]:
    """The findings of one file. Rows are those of `sandbox.lint.Row`."""
    found: list[Finding] = []
    for code, message, fix, line, column, end in rows[:_MAX_FINDINGS]:
        rule = _RULES[code]
        shown = _LONG.sub(r"`\1…`", message) if code in ("F821", "F823") else message
        hint = fix or _ADVICE.get(code, rule.mend)
        found.append(
            Finding(
                code, rule.severity, rule.type, path, plain(shown), plain(hint), line, column, end
            )
        )
    return found


def unlinted(path: str, why: str) -> Finding:
    """A file that ruff did not look at."""
    return Finding(
        "LINT001",
        Severity.CRITICAL,
        FindingType.LINT,
        path,
        f"{why}, so the file was not linted",
        "Windlass looks again by itself. If it stays so: install Windlass again where ruff is "
        "missing or does not start, else make the file smaller and simpler.",
    )
