"""Reports on what was judged before, as the database has them."""

import json
from dataclasses import replace

from windlass.database.reports import StoredReport
from windlass.domain.pull_request import TELLING, PullRequestStatus
from windlass.domain.report import Report
from windlass.domain.repository import Repository
from windlass.engine.reporter import Wording
from windlass.entrypoints.reports.markdown import as_markdown
from windlass.entrypoints.reports.plan import MAX_CHARACTERS, render_plan_markdown
from windlass.entrypoints.reports.sarif import as_sarif
from windlass.entrypoints.reports.subject import Origin, Subject

MIN_PLAN = 3_000
"""So many characters a plan may have beside a report that fills a comment."""


def subject_of(repository: Repository, stored: StoredReport, public_url: str | None) -> Subject:
    """A stored report with what it is about."""
    prefix = "" if repository.path == "." else f"{repository.path}/"
    branch = repository.ref.name if repository.ref.kind == "branch" else ""
    return Subject(
        report=stored.report,
        name=f"{repository.name} {stored.revision[:7]}",
        prefix=prefix,
        here=prefix,
        python="",
        files=(),
        dag_ids=(),
        seconds=0,
        origin=Origin(repository.url, stored.revision, branch),
        public_url=public_url,
    )


def _sarif(repository: Repository, stored: StoredReport, public_url: str | None) -> bytes:
    return json.dumps(as_sarif(subject_of(repository, stored, public_url))).encode()


def _comment(repository: Repository, pull: PullRequestStatus, public_url: str | None) -> str:
    """What a comment says of a pull request. Of a fork's, nothing that an import printed and
    nothing of what the environment has (security rule S4)."""
    report = pull.report or Report(False, True, ())
    hidden = [i for i in report.issues if pull.is_fork and i.finding.type in TELLING]
    shown = replace(report, issues=tuple(i for i in report.issues if i not in hidden))
    stored = StoredReport(pull.revision or "", shown, None, pull.changed_at)
    lines = [as_markdown(subject_of(repository, stored, public_url))]
    if hidden:
        lines.append(f"{len(hidden)} more are shown in Windlass only: `{_command(pull)}`")
    if pull.is_static:
        lines.append(
            "It comes from a fork: its files were read, and neither imported nor run. A maintainer "
            f"can approve this commit: `windlass pr approve {pull.repository} {pull.number}`"
        )
    if pull.plan.shown:
        taken = sum(len(one.encode("utf-16-le")) // 2 for one in lines)
        room = max(MAX_CHARACTERS - taken, MIN_PLAN)
        lines.append(render_plan_markdown(pull.plan.shown, room))
    elif pull.plan.problem:
        lines.append(f"There is no plan of it: {pull.plan.problem.split(' ', 1)[0]}")
    return "\n\n".join(lines)


def _command(pull: PullRequestStatus) -> str:
    return f"windlass pr show {pull.repository} {pull.number}"


WORDING = Wording(sarif=_sarif, comment=_comment)
"""How Git hosts are told."""
