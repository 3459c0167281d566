"""A report as Markdown, for a job summary or a comment: the same words as on a terminal."""

import re
from collections.abc import Iterator, Sequence

from windlass.domain.report import Issue
from windlass.domain.text import plain
from windlass.entrypoints.reports.subject import Subject, looked_at, outcome

MAX_ISSUES = 100
MAX_CHARACTERS = 60_000
"""A comment on GitHub holds 65,536 characters; those beyond U+FFFF may count twice."""


def as_markdown(subject: Subject) -> str:
    """A heading, the outcome, what is not deployed as it is, and a row for each finding."""
    report = subject.report
    mark = "●" if report.is_whole else "◆" if report.passed else "▲"
    lines = [f"### {mark} Windlass: {_cell(subject.name)}", "", outcome(subject), ""]
    for path in sorted((*report.kept, *report.omitted))[:MAX_ISSUES]:
        how = f"stays as in release #{report.kept[path]}" if path in report.kept else "left out"
        lines.append(f"- {_code(subject.from_top(path))} {how}")
    if report.kept or report.omitted:
        lines.append("")
    if report.issues:
        rows = list(_fitting(subject, report.issues))
        lines += ["| | Code | Where | What | What to do |", "|-|-|-|-|-|", *rows]
        if (more := len(report.issues) - len(rows)) > 0:
            lines += ["", f"And {more:,} more: `windlass check` on a terminal shows all."]
        lines.append("")
    return "\n".join([*lines, f"<sub>{looked_at(subject)}</sub>", ""])


def _fitting(subject: Subject, issues: Sequence[Issue]) -> Iterator[str]:
    """The rows of the worst, as many as a comment holds."""
    left = MAX_CHARACTERS
    for issue in issues[:MAX_ISSUES]:
        row = _row(subject, issue)
        left -= len(row.encode("utf-16-le")) // 2
        if left < 0:
            return
        yield row


def _row(subject: Subject, issue: Issue) -> str:
    found = issue.finding
    mark = "▲ denies" if issue.denies else "◇ excused" if found.excused else "○ advice"
    path = subject.path_of(found) or "(tree)"
    place = ":".join(str(part) for part in (path, found.line, found.column) if part)
    cells = (f"{mark}, {found.severity}", found.code, _code(place), _cell(found.message))
    return "| " + " | ".join((*cells, _cell(found.hint))) + " |"


def _cell(text: str) -> str:
    """Text of others that stays in its cell and is neither markup nor a mention of somebody."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~])", r"\\\1", plain(text)).replace("@", "@\u200b")


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{plain(text).replace('|', chr(92) + '|')}{pad}{fence}"
