"""Pull requests: what hosts told of them, which are to be checked, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.database.packing import pack, unpack
from windlass.domain.delivery import ForgeKind, PullRequest, PullRequestAction
from windlass.domain.errors import NotFound
from windlass.domain.finding import Finding
from windlass.domain.policy import Allowed, Policy, Verdict
from windlass.domain.pull_request import PullPlan, PullRequestStatus, PullState
from windlass.domain.report import Issue, Report
from windlass.domain.repository import Repository, RepositoryId

_p, _r = t.pull_request.c, t.repository.c
HELD = timedelta(minutes=30)
"""How long one process has a pull request for itself; a check has to end within it."""
_ENDED = {
    PullRequestAction.MERGED: PullState.MERGED,
    PullRequestAction.CLOSED: PullState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class DuePull:
    """A pull request whose head is to be looked at. `tries` looks failed before."""

    repository_id: RepositoryId
    number: int
    kind: ForgeKind
    source: str
    is_fork: bool
    approved_revision: str | None
    tries: int


def note_pull(
    connection: Connection, repository_id: RepositoryId, kind: ForgeKind, told: PullRequest
) -> None:
    """Take up what a host told of a pull request: one that is open is checked, one that ended is
    not any more. What was never heard of and has ended is passed over."""
    state = _ENDED.get(told.action)
    if state is not None:
        mine = _p.repository_id == repository_id, _p.number == told.number
        ended = {"state": state, "closed_at": sa.func.now(), "next_check_at": None}
        connection.execute(
            sa.update(t.pull_request).where(*mine).values(**ended, changed_at=sa.func.now())
        )
        return
    values = {
        "kind": kind,
        "state": PullState.OPEN,
        "source": told.source,
        "target": told.target,
        "is_fork": told.is_fork,
        "next_check_at": sa.func.now(),
        "changed_at": sa.func.now(),
        "closed_at": None,
        "tries": 0,
    }
    query = insert(t.pull_request).values(repository_id=repository_id, number=told.number, **values)
    connection.execute(
        query.on_conflict_do_update(index_elements=["repository_id", "number"], set_=values)
    )


def claim_pull(connection: Connection) -> DuePull | None:
    """The one that waits for longest, for this process alone for a while; None where none does."""
    due = (
        sa.select(_p.repository_id, _p.number)
        .join(t.repository, _r.id == _p.repository_id)
        .where(
            _p.next_check_at <= sa.func.now(),
            _r.removing_at.is_(None),
            _r.suspended_at.is_(None),
        )
        .order_by(_p.next_check_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=t.pull_request)
    )
    names = ("kind", "source", "is_fork", "approved_revision", "tries")
    query = (
        sa.update(t.pull_request)
        .where(sa.tuple_(_p.repository_id, _p.number).in_(due))
        .values(next_check_at=sa.func.now() + HELD)
        .returning(_p.repository_id, _p.number, *(_p[name] for name in names))
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else DuePull(**{**row._asdict(), "kind": ForgeKind(row.kind)})


def record_checked(
    connection: Connection,
    due: DuePull,
    revision: str,
    judged: tuple[Verdict, Policy],
    *,
    is_static: bool,
) -> bool:
    """Keep what was found in a head, as yet without a plan; False where the pull request ended
    meanwhile."""
    verdict, policy = judged
    query = _mine(due, is_open=True).values(
        revision=revision,
        allowed=isinstance(verdict, Allowed),
        validated=verdict.validated,
        findings=[{**f.to_json(), "denies": policy.denies(f)} for f in verdict.findings],
        is_static=is_static,
        plan=None,
        plan_posted=None,
        plan_problem="",
        problem="",
        tries=0,
        checked_at=sa.func.now(),
    )
    return connection.execute(query).rowcount > 0


def finish_check(connection: Connection, due: DuePull, plan: PullPlan) -> None:
    """Keep the plan of the head that was recorded, and be done with it."""
    query = _mine(due, is_open=True)
    kept = {"plan": _packed(plan.content), "plan_posted": _packed(plan.posted)}
    connection.execute(query.values(plan_problem=plan.problem, **kept))
    # Told again while it was checked: then it is due already, and stays so.
    held = _p.next_check_at > sa.func.now()
    connection.execute(query.where(held).values(next_check_at=None))


def put_off_check(connection: Connection, due: DuePull, wait_s: float | None, problem: str) -> None:
    """Look again after so many seconds; None: when the host tells of it again."""
    later = None if wait_s is None else sa.func.now() + timedelta(seconds=wait_s)
    values = {"next_check_at": later, "problem": problem, "tries": due.tries + 1}
    connection.execute(_mine(due, is_open=True).values(**values))


def ask_check(connection: Connection, repository: Repository, number: int) -> None:
    """Have the head of an open pull request checked again."""
    mine = _p.repository_id == repository.id, _p.number == number, _p.state == PullState.OPEN
    again = sa.update(t.pull_request).where(*mine)
    connection.execute(again.values(next_check_at=sa.func.now(), tries=0))


def approve_head(
    connection: Connection, repository: Repository, number: int, revision: str, actor: str
) -> None:
    """Let a commit of a fork's pull request be imported, and have it checked again."""
    mine = _p.repository_id == repository.id, _p.number == number
    query = sa.update(t.pull_request).where(*mine)
    connection.execute(query.values(approved_revision=revision, approved_by=actor))
    ask_check(connection, repository, number)


def list_pulls(
    connection: Connection, repository_id: RepositoryId | None = None, *, ended: bool = False
) -> list[PullRequestStatus]:
    """Pull requests that are open, and with `ended` the others too; by repository, newest first."""
    few = [one for one in _p if one.name not in ("plan", "plan_posted")]
    query = sa.select(*few, _r.name).join(t.repository, _r.id == _p.repository_id)
    query = query.where(_r.removed_at.is_(None)).order_by(_r.name, _p.number.desc())
    if repository_id is not None:
        query = query.where(_p.repository_id == repository_id)
    if not ended:
        query = query.where(_p.state == PullState.OPEN)
    return [_status(row) for row in connection.execute(query.limit(1000))]


def get_pull(connection: Connection, repository: Repository, number: int) -> PullRequestStatus:
    """One pull request; NotFound PULL001."""
    query = sa.select(t.pull_request, _r.name).join(t.repository, _r.id == _p.repository_id)
    row = connection.execute(
        query.where(_p.repository_id == repository.id, _p.number == number)
    ).one_or_none()
    if row is None:
        raise NotFound(
            "PULL001",
            f"no pull request {number} of {repository.name!r} is known",
            "Its Git host tells of those to the branch that is followed, once they are opened or "
            f"pushed to: windlass pr list --repository {repository.name}",
        )
    plan = PullPlan(_unpacked(row.plan), _unpacked(row.plan_posted), row.plan_problem)
    return replace(_status(row), plan=plan)


def _packed(content: Mapping[str, Any] | None) -> bytes | None:
    return None if content is None else pack(content)


def _unpacked(kept: bytes | None) -> Any:
    return None if kept is None else unpack(kept)


def _mine(due: DuePull, *, is_open: bool) -> sa.Update:
    query = sa.update(t.pull_request).where(
        _p.repository_id == due.repository_id, _p.number == due.number
    )
    return query.where(_p.state == PullState.OPEN) if is_open else query


def _status(row: Any) -> PullRequestStatus:
    issues = tuple(Issue(Finding.from_json(f), f.get("denies", False)) for f in row.findings)
    report = None if row.allowed is None else Report(row.allowed, row.validated, issues)
    return PullRequestStatus(
        repository=row.name,
        number=row.number,
        state=PullState(row.state),
        kind=ForgeKind(row.kind),
        source=row.source,
        target=row.target,
        is_fork=row.is_fork,
        is_static=row.is_static,
        revision=row.revision,
        report=report,
        approved_revision=row.approved_revision,
        approved_by=row.approved_by,
        problem=row.problem,
        changed_at=row.changed_at,
        checked_at=row.checked_at,
    )
