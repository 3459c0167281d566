"""What a report is about, and what all formats say alike."""

import posixpath
from dataclasses import dataclass
from typing import Any

from windlass.domain.finding import Finding
from windlass.domain.imported import ImportNote
from windlass.domain.report import Report


@dataclass(frozen=True, slots=True)
class Origin:
    """The commit that a report is about; `url` without user and password."""

    url: str
    revision: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A report with what it is about: `name` in words, `python` the version whose grammar counted,
    empty where that is not known any more.

    Before its paths comes `prefix` to tell them from the top of the working tree, as tools want
    them, and `here` to tell them from the current folder, as people do. `foreign` counts comments
    that ask other tools to be silent. `public_url` is where a Windlass shows its rules, if any.
    """

    report: Report
    name: str
    prefix: str
    here: str
    python: str
    files: tuple[str, ...]
    dag_ids: tuple[str, ...]
    seconds: float
    foreign: int = 0
    imports: ImportNote | None = None
    origin: Origin | None = None
    public_url: str | None = None

    def path_of(self, finding: Finding) -> str:
        """The path of a finding from the top of the working tree; empty for the tree itself."""
        return self.from_top(finding.path) if finding.path else ""

    def from_top(self, path: str) -> str:
        """A path from the DAG root, `../` and one beside it too, from the top of the tree."""
        return posixpath.normpath(self.prefix + path)

    def to_json(self) -> dict[str, Any]:
        """The report, and beside it what it is about."""
        told = self.report.to_json()
        looked_at = {
            "files": len(self.files),
            "dag_ids": len(self.dag_ids),
            "seconds": round(self.seconds, 3),
            "foreign_suppressions": self.foreign,
        }
        return {
            **told,
            "stats": {**told["stats"], **looked_at},
            "format": 1,
            "subject": self.name,
            "prefix": self.prefix,
            "python": self.python,
            "imports": self.imports.to_json() if self.imports else None,
            "files": len(self.files),
            "dag_ids": list(self.dag_ids),
            "seconds": round(self.seconds, 3),
            "foreign_suppressions": self.foreign,
        }


def outcome(subject: Subject) -> str:
    """The verdict in one sentence."""
    report = subject.report
    denying = sum(issue.denies for issue in report.issues)
    excused = sum(issue.finding.excused is not None for issue in report.issues)
    advice = len(report.issues) - denying - excused
    rest = f", and {_count(advice, 'piece')} of advice" if advice else ""
    rest += f", and {_count(excused, 'finding')} that somebody lets pass" if excused else ""
    if not report.passed:
        return f"Denied: {_count(denying, 'finding')} must be mended{rest}."
    if not report.is_whole:
        left = len(report.kept) + len(report.omitted)
        return (
            f"Allowed in part: {_count(left, 'file')} would not be deployed as they are "
            f"({_count(denying, 'finding')}){rest}."
        )
    return f"Allowed: everything would be deployed{rest}."


def looked_at(subject: Subject) -> str:
    """What was looked at, and how, in one sentence."""
    dags = _count(len(subject.dag_ids), "dag_id")
    validated = "" if subject.report.validated else " Not validated: only the obligatory checks."
    if not subject.python:
        return f"As it was judged.{validated}"
    return (
        f"{_count(len(subject.files), 'file')} with {dags}, under the grammar of Python "
        f"{subject.python}, in {subject.seconds:.1f} s.{_imports(subject.imports)}{validated}"
    )


def _imports(note: ImportNote | None) -> str:
    """A sentence, with a space before it."""
    words = str(note) if note else ""
    return f" {words[0].upper()}{words[1:]}." if words else ""


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "file"), _count(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")
