"""A report as JUnit XML, which CI servers show as tests: one for each file, one for the tree."""

import re
from collections import defaultdict
from xml.etree import ElementTree as ET

from windlass.domain.report import Issue
from windlass.domain.text import plain
from windlass.entrypoints.reports.subject import Subject, outcome

# What XML 1.0 cannot hold in any way, beside what `plain` takes out.
_NOT_XML = re.compile("[\ufffe\uffff]")


def as_junit(subject: Subject) -> str:
    """The text of the file. A test fails where its file has a finding that denies."""
    by_path: dict[str, list[Issue]] = {path: [] for path in subject.files}
    for issue in subject.report.issues:
        by_path.setdefault(issue.finding.path, []).append(issue)
    whole = by_path.pop("", [])
    cases = [("(tree)", whole), *sorted(by_path.items())]
    failing = sum(any(issue.denies for issue in issues) for _, issues in cases)
    root = ET.Element("testsuites", name="windlass", tests=str(len(cases)), failures=str(failing))
    suite = ET.SubElement(
        root,
        "testsuite",
        name=f"windlass check {_text(subject.name)}",
        tests=str(len(cases)),
        failures=str(failing),
        errors="0",
        time=f"{subject.seconds:.3f}",
    )
    for path, issues in cases:
        _case(suite, subject, path, issues)
    ET.SubElement(suite, "system-out").text = _text(outcome(subject))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _case(suite: ET.Element, subject: Subject, path: str, issues: list[Issue]) -> None:
    shown = path if path == "(tree)" else subject.from_top(path)
    case = ET.SubElement(suite, "testcase", classname="windlass", name=_text(shown), time="0")
    lines: dict[bool, list[str]] = defaultdict(list)
    for issue in issues:
        found = issue.finding
        place = f":{found.line}" if found.line else ""
        lines[issue.denies].append(
            f"{found.code} {found.severity} {shown}{place} {found.message} {found.hint}".rstrip()
        )
    if lines[True]:
        failure = ET.SubElement(case, "failure", message=_text(lines[True][0]), type="denied")
        failure.text = _text("\n".join(lines[True]))
    if lines[False]:
        ET.SubElement(case, "system-out").text = _text("\n".join(lines[False]))


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", plain(text, block=True))
