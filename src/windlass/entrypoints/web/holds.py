"""Holds and quarantines, below a repository's address."""

from http import HTTPStatus

from fastapi import APIRouter

from windlass.database.holds import list_past_holds
from windlass.database.repositories import get_past_repository
from windlass.domain.release import ReleaseId
from windlass.engine.context import Context
from windlass.engine.holds import hold, lift, unhold
from windlass.entrypoints.web.callers import Actor
from windlass.entrypoints.web.models import HoldIn, HoldOut, LiftOut, ReasonIn
from windlass.entrypoints.web.parameters import Limit, Name, ReleaseNumber


def add_holds(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.get("/{name}/holds")
    def holds(name: Name, limit: Limit = 50) -> list[HoldOut]:
        """The newest holds of a repository, open and ended, newest first."""
        with context.database.transaction() as connection:
            repository = get_past_repository(connection, name)
            return [HoldOut.of_past(p) for p in list_past_holds(connection, repository.id, limit)]

    @router.post("/{name}/holds", status_code=HTTPStatus.CREATED)
    def begin(name: Name, given: HoldIn, actor: Actor) -> HoldOut:
        """Hold a repository: what is pushed is checked, and nothing is deployed automatically."""
        begun = hold(
            context,
            name,
            reason=given.reason,
            actor=actor,
            until_new_head=given.until_new_head,
            expires=given.expires,
        )
        return HoldOut.of(begun)

    @router.post("/{name}/unhold")
    def end(name: Name, given: ReasonIn, actor: Actor) -> list[HoldOut]:
        """End every hold of a repository; what waited is deployed at once."""
        return [
            HoldOut.of(ended) for ended in unhold(context, name, reason=given.reason, actor=actor)
        ]

    @router.post("/{name}/releases/{release}/lift")
    def end_quarantine(
        name: Name, release: ReleaseNumber, given: ReasonIn, actor: Actor
    ) -> LiftOut:
        """End the quarantine of a release's content; the next sync may deploy it again."""
        lifted = lift(context, name, ReleaseId(release), reason=given.reason, actor=actor)
        return LiftOut(id=lifted)
