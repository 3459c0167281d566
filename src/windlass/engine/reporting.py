"""What a Git host should show of a verdict: written beside it, in the same transaction.

Nothing is asked of the host here: `engine/reporter.py` tells it, when and if it can be told.
"""

from collections.abc import Sequence
from urllib.parse import quote

from sqlalchemy.engine import Connection

from windlass.database.forge_reports import want_report
from windlass.domain.delivery import ForgeKind
from windlass.domain.digest import digest_json
from windlass.domain.finding import Finding
from windlass.domain.forge import CommitState, short_text
from windlass.domain.options import Report
from windlass.domain.policy import Allowed, Denied, Policy, Verdict
from windlass.domain.ref import CommitSha, RefKind
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.forge import find_kind, has_api_login


def report_pending(
    context: Context, connection: Connection, repository: Repository, revision: CommitSha
) -> None:
    """Have the host show that the revision is being judged."""
    if is_told(connection, repository, Report.STATUS):
        _want(
            context, connection, repository, revision, (CommitState.PENDING, "It is being judged.")
        )


def report_verdict(
    context: Context,
    connection: Connection,
    repository: Repository,
    revision: CommitSha,
    judged: tuple[Verdict, Policy],
    *,
    by_push: bool = True,
) -> None:
    """Have the host show a verdict, by the policy that it was made by. `by_push` False: it is of a
    pull request, which is no alert of the branch."""
    verdict, policy = judged
    if is_told(connection, repository, Report.STATUS):
        state = CommitState.SUCCESS if isinstance(verdict, Allowed) else CommitState.FAILURE
        told = state, verdict_words(verdict, policy)
        _want(context, connection, repository, revision, told)
    ref = repository.ref
    if (
        not by_push
        or ref.kind is not RefKind.BRANCH
        or not is_told(connection, repository, Report.SARIF)
    ):
        return
    if find_kind(connection, repository) is ForgeKind.GITHUB:
        found = digest_json([finding.to_json() for finding in verdict.findings])
        wanted = {"ref": ref.full_name, "findings": found}
        want_report(connection, repository.id, Report.SARIF, revision, wanted)


def verdict_words(verdict: Verdict, policy: Policy) -> str:
    """A verdict in one line.

    >>> verdict_words(Allowed(()), Policy())
    'Allowed'
    """
    if isinstance(verdict, Denied):
        return f"Denied: {_first(verdict.reasons)}"
    told = []
    if left := len(verdict.kept) + len(verdict.omitted):
        told.append(f"{left} {'file is' if left == 1 else 'files are'} not deployed as they are")
    advice = sum(not policy.denies(one) and one.excused is None for one in verdict.findings)
    if advice:
        told.append(f"{advice} {'piece' if advice == 1 else 'pieces'} of advice")
    return f"Allowed: {', '.join(told)}" if told else "Allowed"


def _first(reasons: Sequence[Finding]) -> str:
    """The first finding by its code and place, and how many there are beside it."""
    if not reasons:
        return "nothing may be deployed"
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0].code} {reasons[0].place}{more}"


def link_to(context: Context, repository: Repository, revision: str) -> str | None:
    """Where the report on a revision is; None where nobody knows where this Windlass is."""
    if not context.public_url:
        return None
    root = context.public_url.rstrip("/")
    name = quote(repository.name, safe="")
    return f"{root}/api/v1/repositories/{name}/report?format=html&revision={revision}"


def is_told(connection: Connection, repository: Repository, report: Report) -> bool:
    """Whether the host is to be told, and can be; without a query where nothing is."""
    options = repository.options
    if report.value not in options.report or not (options.api_credential or repository.credential):
        return False
    return has_api_login(connection, repository) and find_kind(connection, repository) is not None


def _want(
    context: Context,
    connection: Connection,
    repository: Repository,
    revision: CommitSha,
    told: tuple[CommitState, str],
) -> None:
    state, words = told
    wanted = {
        "state": state.value,
        "text": short_text(words),
        "url": link_to(context, repository, revision),
    }
    want_report(connection, repository.id, Report.STATUS, revision, wanted)
