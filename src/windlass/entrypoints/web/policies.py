"""Release policies and waivers over HTTP."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from windlass.database.policies import list_policies, list_waivers, load_book
from windlass.database.repositories import list_repositories
from windlass.domain.policy import Policy
from windlass.domain.repository import Owner
from windlass.domain.waiver import Waiver, today
from windlass.engine.context import Context
from windlass.engine.policies import (
    get_policy,
    new_waiver,
    remove_policy,
    set_policy,
    unwaive,
    waive,
)
from windlass.engine.ruling import whose_is
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.models import PROBLEMS, Line, ReasonIn, Request
from windlass.entrypoints.web.parameters import Name


class PolicyIn(Request):
    """A release policy as YAML, or JSON, which is YAML too."""

    text: str = Field(min_length=1, max_length=200_000)


class PolicyOut(BaseModel):
    """A release policy. `document` is what it says, as JSON; `repositories` those that it is for
    now. `digest` changes with what it demands."""

    name: str
    owner: Owner
    digest: str
    document: dict[str, Any]
    repositories: list[str]


class WaiverIn(Request):
    """A waiver: findings of `rule` at the glob `path`, until the end of a day. Without `repository`
    in all; without `fingerprint` every such finding."""

    rule: Line
    path: Line
    reason: Line
    until: date
    repository: Line | None = None
    fingerprint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    def waiver(self, actor: str) -> Waiver:
        return new_waiver(**self.model_dump(), actor=actor)


class WaiverOut(BaseModel):
    """A waiver that was not ended. `days_left` is 0 on its last day, and less after it: then it
    lets nothing pass any more."""

    id: int
    rule: str
    path: str
    repository: str | None
    fingerprint: str | None
    reason: str
    actor: str
    until: date
    days_left: int

    @classmethod
    def of(cls, one: Waiver) -> Self:
        left = (one.until - today()).days
        return cls(id=one.id, reason=one.reason, actor=one.actor, days_left=left, **_what(one))


def _what(one: Waiver) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "path": one.path,
        "repository": one.repository,
        "fingerprint": one.fingerprint,
        "until": one.until,
    }


def policies_router(context: Context, token: str) -> APIRouter:
    """The addresses below /api/v1/policies and /api/v1/waivers."""
    router = APIRouter(
        prefix="/api/v1", dependencies=[Depends(token_check(token))], responses=PROBLEMS
    )
    _add_policies(router, context)
    _add_waivers(router, context)
    return router


def _add_policies(router: APIRouter, context: Context) -> None:
    tags: dict[str, Any] = {"tags": ["policies"]}

    def shown(one: Policy, owner: Owner) -> PolicyOut:
        day = today()
        with context.database.transaction() as connection:
            book = load_book(connection)  # not the one that is remembered: it may just have changed
            names = [
                repository.name
                for repository in list_repositories(connection)
                if book.ruling(whose_is(repository), day, context.policy).policy.name == one.name
            ]
        return PolicyOut(
            name=one.name,
            owner=owner,
            digest=one.digest,
            document=one.to_json(),
            repositories=names,
        )

    @router.get("/policies", **tags)
    def policies() -> list[PolicyOut]:
        """All stored release policies, by name; the built-in one is for those that none is for."""
        with context.database.transaction() as connection:
            found = list_policies(connection)
        return [shown(one, owner) for one, owner in found]

    @router.get("/policies/{name}", **tags)
    def policy(name: Name) -> PolicyOut:
        """One release policy."""
        with context.database.transaction() as connection:
            found = get_policy(connection, name)
        return shown(*found)

    @router.put("/policies/{name}", **tags)
    def put(name: Name, given: PolicyIn, actor: Actor) -> PolicyOut:
        """Set a release policy; every repository is judged again in a moment."""
        return shown(set_policy(context, name, given.text, actor=actor), Owner.API)

    @router.delete("/policies/{name}", **tags)
    def remove(name: Name, actor: Actor) -> list[PolicyOut]:
        """Remove a release policy; those that are left."""
        remove_policy(context, name, actor=actor)
        return policies()


def _add_waivers(router: APIRouter, context: Context) -> None:
    tags: dict[str, Any] = {"tags": ["findings"]}

    @router.get("/waivers", **tags)
    def waivers() -> list[WaiverOut]:
        """Every waiver that was not ended, expired ones too."""
        with context.database.transaction() as connection:
            return [WaiverOut.of(one) for one in list_waivers(connection)]

    @router.post("/waivers", status_code=HTTPStatus.CREATED, **tags)
    def add(given: WaiverIn, actor: Actor) -> WaiverOut:
        """Let findings of a rule pass until a day."""
        return WaiverOut.of(waive(context, given.waiver(actor)))

    @router.post("/waivers/{waiver}/end", **tags)
    def end(waiver: int, given: ReasonIn, actor: Actor) -> WaiverOut:
        """End a waiver; what it let pass counts again at once."""
        return WaiverOut.of(unwaive(context, waiver, reason=given.reason, actor=actor))
