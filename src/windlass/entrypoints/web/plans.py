"""Plans: of a release that waits, of two revisions, and approving by one."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict

from windlass.domain.release import ReleaseId
from windlass.engine.context import Context
from windlass.engine.plan_binding import find_planned
from windlass.engine.plan_release import plan_between, plan_shown
from windlass.engine.review import approve
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.models import PROBLEMS, Line, ReasonIn, Request
from windlass.entrypoints.web.parameters import Name, ReleaseNumber

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{7,64}$")]


class PlanIn(Request):
    """Two sides: a release such as `#42`, or a commit of the mirror by its hash. Left out: what is
    deployed, and the newest head that was fetched."""

    base: Line | None = None
    head: Line | None = None


class PlanOut(BaseModel):
    """A plan, as docs/plan.md describes it."""

    model_config = ConfigDict(extra="allow")

    digest: str
    format: int
    base: str
    head: str
    binds: dict[str, Any]
    allowed: bool | None
    summary: dict[str, int]
    dags: list[dict[str, Any]]
    uses: dict[str, list[dict[str, str]]]
    assets: dict[str, list[str]]
    reached: list[dict[str, str]]
    findings: dict[str, list[dict[str, Any]]]
    not_looked_into: list[str]
    circumstances: dict[str, Any]
    about: dict[str, Any]


class AppliedOut(BaseModel):
    """The release that was approved."""

    repository: str
    id: int


def add_plans(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.get("/{name}/releases/{release}/plan")
    def of_release(name: Name, release: ReleaseNumber) -> PlanOut:
        """What a release that waits for approval would change; runs in flight are those of now."""
        return PlanOut.model_validate(plan_shown(context, name, ReleaseId(release)))

    @router.post("/{name}/plan")
    def between(name: Name, given: PlanIn) -> PlanOut:
        """What makes one revision into another; changes nothing."""
        return PlanOut.model_validate(plan_between(context, name, given.base, given.head))


def plans_router(context: Context, token: str) -> APIRouter:
    """Plans by their digest."""
    router = APIRouter(
        prefix="/api/v1/plans",
        tags=["plans"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.post("/{digest}/apply", status_code=HTTPStatus.ACCEPTED)
    def apply(digest: Digest, given: ReasonIn, actor: Actor) -> AppliedOut:
        """Approve the release that a plan is of, if nothing that the plan binds has moved."""
        name, release_id = find_planned(context, digest)
        approve(context, name, release_id, reason=given.reason, actor=actor, plan=digest)
        return AppliedOut(repository=name, id=release_id)

    return router
