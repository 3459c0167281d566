"""What was found, over HTTP: of one revision in every format, and of all repositories."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from windlass.database.reports import (
    StoredReport,
    find_report_before,
    get_report,
    list_newest_reports,
)
from windlass.database.repositories import get_past_repository
from windlass.domain.report import Report, new_issues
from windlass.domain.rules import get_rule
from windlass.engine.context import Context
from windlass.engine.policies import parse_policy
from windlass.engine.shadow import try_policy
from windlass.entrypoints.reports.formats import MEDIA_TYPES, Format, render
from windlass.entrypoints.reports.html import rule_html
from windlass.entrypoints.reports.stored import subject_of
from windlass.entrypoints.reports.subject import Subject
from windlass.entrypoints.web.callers import token_check
from windlass.entrypoints.web.models import PROBLEMS, FindingOut, Line, Request
from windlass.entrypoints.web.parameters import Name

_Revision = Annotated[str | None, Query(pattern=r"^[0-9a-f]{4,40}$")]
MAX_FINDINGS = 5000
_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()}}
}


class FoundOut(BaseModel):
    """A finding of the newest judged revision of a repository."""

    repository: str
    revision: str
    denies: bool
    finding: FindingOut


def add_reports(router: APIRouter, context: Context) -> None:
    """Add the address of reports to the router of repositories."""

    @router.get("/{name}/report", response_model=None, responses=_FORMATS)
    def report(
        name: Name,
        revision: _Revision = None,
        format: Format = "json",  # noqa: A002
    ) -> Response:
        """What was found in a revision, the newest if none is named, in any of the formats. In
        JSON `new` and `gone` say how it differs from the revision that was judged before it."""
        with context.database.transaction() as connection:
            repository = get_past_repository(connection, name)
            stored = get_report(connection, repository.id, revision)
            before = find_report_before(connection, repository.id, stored)
        subject = subject_of(repository, stored, context.public_url)
        if format == "json":
            return Response(_json(subject, stored, before), media_type=MEDIA_TYPES["json"])
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(render(format, subject), media_type=MEDIA_TYPES[format], headers=headers)


class TryIn(Request):
    """A release policy, as if it were set by this name; or an interpreter, as if it were that of
    the repository's environment. Or both."""

    name: Line = "default"
    text: str | None = Field(None, min_length=1, max_length=200_000)
    interpreter: Line | None = None


class TriedOut(BaseModel):
    """What would be said of the release that is deployed; null: none is. `would_pass` false: at
    least something of it would not be deployed again. `issues` are the denying ones; `imports` says
    what was imported, and why if nothing was."""

    repository: str
    release: int | None
    policy: str
    would_pass: bool
    imports: str
    issues: list[FindingOut]


def add_trials(router: APIRouter, context: Context) -> None:
    """Add the address of trials to the router of repositories."""

    @router.post("/{name}/try")
    def attempt(name: Name, given: TryIn) -> TriedOut:
        """Try another policy or interpreter on what is deployed; changes nothing."""
        policy = None if given.text is None else parse_policy(given.name, given.text)
        python = None if given.interpreter is None else Path(given.interpreter)
        tried = try_policy(context, name, policy=policy, python=python)
        denying = [issue.finding for issue in tried.report.issues if issue.denies]
        return TriedOut(
            repository=name,
            release=tried.release,
            policy=tried.policy,
            would_pass=tried.report.is_whole,
            imports=str(tried.imports or "not imported"),
            issues=[FindingOut.of(finding) for finding in denying[:MAX_FINDINGS]],
        )


def reports_router(context: Context, token: str) -> APIRouter:
    """The findings of all repositories."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["findings"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("/findings")
    def findings(
        repository: Line | None = None, rule: Line | None = None, denying: bool = False
    ) -> list[FoundOut]:
        """What was found in the newest revisions, the worst first; at most 5,000."""
        with context.database.transaction() as connection:
            rows = [
                FoundOut(
                    repository=name,
                    revision=stored.revision,
                    denies=issue.denies,
                    finding=FindingOut.of(issue.finding),
                )
                for name, stored in list_newest_reports(connection)
                if repository in (None, name)
                for issue in stored.report.issues
                if rule in (None, issue.finding.code) and (issue.denies or not denying)
            ]
        worst_first = sorted(rows, key=lambda one: (not one.denies, -one.finding.severity.rank))
        return worst_first[:MAX_FINDINGS]

    return router


def rules_router() -> APIRouter:
    """The pages of rules, which reports link to; they hold nothing of anybody."""
    router = APIRouter(include_in_schema=False)

    @router.get("/rules/{code}")
    def page(code: str) -> HTMLResponse:
        """The page of one rule."""
        rule = get_rule(code)
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return HTMLResponse(rule_html(rule), headers={"Content-Security-Policy": policy})

    return router


def _json(subject: Subject, stored: StoredReport, before: StoredReport | None) -> str:
    import json

    known = before.report if before else Report(True, True, ())
    told: dict[str, Any] = {
        **subject.report.to_json(),
        "revision": stored.revision,
        "decided_at": stored.decided_at.isoformat(),
        "policy": stored.policy,
        "before": before.revision if before else None,
        "new": [issue.finding.fingerprint for issue in new_issues(subject.report, known)],
        "gone": [issue.to_json() for issue in new_issues(known, subject.report)],
    }
    return json.dumps(told, ensure_ascii=False)
