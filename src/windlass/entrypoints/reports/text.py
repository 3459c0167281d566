"""A report for a terminal, as a good compiler prints it."""

from dataclasses import replace
from itertools import groupby
from posixpath import normpath

from windlass.domain.report import Issue
from windlass.entrypoints.cli.render import finding_lines
from windlass.entrypoints.reports.subject import Subject, looked_at, outcome


def as_text(subject: Subject) -> str:
    """Every finding, those of a file together in the order of its text, the file with the worst one
    last so that it is what one sees; then the outcome."""
    lines: list[str] = []
    for path, issues in _by_file(subject.report.issues):
        for issue in issues:
            shown = replace(issue.finding, path=path and normpath(subject.here + path))
            lines += [*finding_lines(shown.to_json()), ""]
    report = subject.report
    for path in sorted((*report.kept, *report.omitted)):
        how = f"as in release #{report.kept[path]}" if path in report.kept else "left out"
        lines.append(f"  {how:>20}  {subject.here}{path}")
    return "\n".join([*lines, outcome(subject), f"  {looked_at(subject)}"])


def _by_file(issues: tuple[Issue, ...]) -> list[tuple[str, list[Issue]]]:
    """Path → its issues; the file with the worst one comes last."""
    ordered = sorted(issues, key=lambda i: (i.finding.path, i.finding.line or 0))
    grouped = [
        (path, list(found)) for path, found in groupby(ordered, key=lambda i: i.finding.path)
    ]
    return sorted(grouped, key=lambda one: max((i.denies, i.finding.severity.rank) for i in one[1]))
