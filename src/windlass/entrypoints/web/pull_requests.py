"""Pull requests over HTTP."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from windlass.database.pull_requests import get_pull, list_pulls
from windlass.database.repositories import get_repository
from windlass.domain.delivery import ForgeKind
from windlass.domain.pull_request import PullRequestStatus, PullState
from windlass.engine.context import Context
from windlass.engine.pull_requests import approve, check_again
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.models import PROBLEMS, FindingOut, Line, Request
from windlass.entrypoints.web.parameters import Name
from windlass.entrypoints.web.plans import PlanOut

Number = Annotated[int, Path(ge=1, lt=2**63)]


class ApproveIn(Request):
    """The commit that was looked at, and may be imported and its tests run."""

    revision: str = Field(pattern=r"^[0-9a-f]{40}$")


class PullRequestOut(BaseModel):
    """A pull request to the branch that is followed. `verdict` is `allowed`, `denied` or
    `not checked`, of the head `revision`; `problem` is why it could not be checked. `static`: it is
    a fork's, and was read, and neither imported nor run. `plan` is what its
    merge would do, null where `plan_problem` says why. Lists have neither it nor `findings`."""

    repository: str
    number: int
    state: PullState
    kind: ForgeKind
    source: str
    target: str
    fork: bool
    static: bool
    revision: str | None
    verdict: str
    denying: int
    approved_revision: str | None
    approved_by: str | None
    problem: str
    changed_at: datetime
    checked_at: datetime | None
    findings: list[FindingOut] | None = None
    plan: PlanOut | None = None
    plan_problem: str = ""

    @classmethod
    def of(cls, pull: PullRequestStatus, *, whole: bool = False) -> Self:
        issues = pull.report.issues if pull.report else ()
        return cls(
            repository=pull.repository,
            number=pull.number,
            state=pull.state,
            kind=pull.kind,
            source=pull.source,
            target=pull.target,
            fork=pull.is_fork,
            static=pull.is_static,
            revision=pull.revision,
            verdict=pull.verdict,
            denying=sum(issue.denies for issue in issues),
            approved_revision=pull.approved_revision,
            approved_by=pull.approved_by,
            problem=pull.problem,
            changed_at=pull.changed_at,
            checked_at=pull.checked_at,
            findings=[FindingOut.of(issue.finding) for issue in issues] if whole else None,
            plan=PlanOut.model_validate(pull.plan.content) if pull.plan.content else None,
            plan_problem=pull.plan.problem,
        )


def pull_requests_router(context: Context, token: str) -> APIRouter:
    """The pull requests of all repositories."""
    router = APIRouter(
        prefix="/api/v1",
        tags=["pull requests"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("/pull-requests")
    def pull_requests(
        repository: Line | None = None,
        ended: Annotated[bool, Query(description="Those that ended too.")] = False,
    ) -> list[PullRequestOut]:
        """Pull requests that are open, by repository, the newest first; at most 1,000."""
        with context.database.transaction() as connection:
            found = get_repository(connection, repository).id if repository else None
            return [PullRequestOut.of(one) for one in list_pulls(connection, found, ended=ended)]

    return router


def add_pull_requests(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.get("/{name}/pull-requests/{number}")
    def pull_request(name: Name, number: Number) -> PullRequestOut:
        """One pull request, with what was found in its head."""
        with context.database.transaction() as connection:
            repository = get_repository(connection, name)
            return PullRequestOut.of(get_pull(connection, repository, number), whole=True)

    @router.post("/{name}/pull-requests/{number}/check", status_code=HTTPStatus.ACCEPTED)
    def check_one(name: Name, number: Number, actor: Actor) -> PullRequestOut:
        """Have the head of a pull request checked again."""
        return PullRequestOut.of(check_again(context, name, number, actor=actor))

    @router.post("/{name}/pull-requests/{number}/approve", status_code=HTTPStatus.ACCEPTED)
    def approve_one(name: Name, number: Number, given: ApproveIn, actor: Actor) -> PullRequestOut:
        """Let one commit of a fork's pull request be imported and its tests be run."""
        return PullRequestOut.of(approve(context, name, number, given.revision, actor=actor))
