"""A report as SARIF 2.1.0 (OASIS), which code hosts show beside the lines it is about."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from windlass import __version__
from windlass.domain.finding import Excuse, Finding, Severity
from windlass.domain.report import Issue
from windlass.domain.rule import Rule
from windlass.domain.rules import find_rule
from windlass.entrypoints.reports.rules import rule_text, waiving_text
from windlass.entrypoints.reports.subject import Subject

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_RESULTS = 25_000
"""What GitHub takes in one run, of which it shows 5,000 ("SARIF support for code scanning"). The
worst come first, so that they are kept and shown."""
_ROOT = "%SRCROOT%"


def as_sarif(subject: Subject) -> dict[str, Any]:
    """One run with a rule for each code that was found."""
    issues = subject.report.issues[:MAX_RESULTS]
    codes = sorted({issue.finding.code for issue in issues})
    rules = [_rule(subject, code, issues) for code in codes]
    places = {code: place for place, code in enumerate(codes)}
    driver = {"name": "Windlass", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"windlass/{quote(subject.prefix)}"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the working tree."}}},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(subject, issue, places[issue.finding.code]) for issue in issues],
    }
    if subject.origin is not None:
        run["versionControlProvenance"] = [_provenance(subject)]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def level(issue: Issue) -> str:
    """`error` for what denies, `warning` for medium, else `note`."""
    if issue.denies:
        return "error"
    return "warning" if issue.finding.severity.rank >= Severity.MEDIUM.rank else "note"


def _provenance(subject: Subject) -> dict[str, Any]:
    origin = subject.origin
    assert origin is not None
    branch = {"branch": origin.branch} if origin.branch else {}
    mapped = {"mappedTo": {"uriBaseId": _ROOT}}
    return {"repositoryUri": origin.url, "revisionId": origin.revision, **branch, **mapped}


def _rule(subject: Subject, code: str, issues: Sequence[Issue]) -> dict[str, Any]:
    mine = [issue.finding for issue in issues if issue.finding.code == code]
    worst = max(mine, key=lambda finding: finding.severity.rank)
    rule = find_rule(code)
    what = rule.what if rule else f"{code}: {worst.type.replace('_', ' ')}"
    link = f"{subject.public_url.rstrip('/')}/rules/{code}" if subject.public_url and rule else ""
    return {
        "id": code,
        "name": code,
        "shortDescription": {"text": what},
        **({"fullDescription": {"text": rule.why}} if rule else {}),
        **({"helpUri": link} if link else {}),
        "help": _help(rule, worst),
        "properties": {
            "tags": sorted({finding.type.value for finding in mine}),
            "security-severity": f"{worst.severity.score:.1f}",
            "precision": "high",
        },
    }


def _help(rule: Rule | None, worst: Finding) -> dict[str, str]:
    if rule is None:
        return {"text": worst.hint or worst.message}
    return {"text": f"{rule.why} {rule.mend} {waiving_text(rule)}", "markdown": rule_text(rule)}


def _result(subject: Subject, issue: Issue, rule: int) -> dict[str, Any]:
    finding = issue.finding
    hint = f" {finding.hint}" if finding.hint else ""
    told = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": level(issue),
        "message": {"text": finding.message + hint},
        "locations": [{"physicalLocation": _place(subject, finding)}],
        "partialFingerprints": _fingerprints(finding),
        "properties": {"severity": finding.severity.value, "type": finding.type.value},
    }
    if finding.excused is not None:
        told["suppressions"] = [_suppression(finding.excused)]
    return told


def _fingerprints(finding: Finding) -> dict[str, str]:
    """Ours, and the one by which GitHub knows an alert again; it makes one itself from the line
    where there is none."""
    mark = finding.fingerprint
    return {"windlass/v1": mark, "primaryLocationLineHash": f"{mark[:16]}:1"} if mark else {}


def _suppression(excused: Excuse) -> dict[str, str]:
    until = f" (until {excused.until})" if excused.until else ""
    by = f" by {excused.by}" if excused.by else ""
    return {
        "kind": "inSource" if excused.kind == "inline" else "external",
        "status": "accepted",
        "justification": f"{excused.reason}{by}{until}",
    }


def _place(subject: Subject, finding: Finding) -> dict[str, Any]:
    path = subject.path_of(finding) or subject.prefix or "./"
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(path), "uriBaseId": _ROOT}}
    region: dict[str, Any] = {"startLine": finding.line} if finding.line else {}
    if region and finding.column:
        region["startColumn"] = finding.column
        region["endColumn"] = finding.end_column or finding.column + 1
    if region and finding.excerpt:
        region["snippet"] = {"text": finding.excerpt}
    return place | ({"region": region} if region else {})
