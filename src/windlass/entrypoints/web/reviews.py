"""Approval of releases, below a repository's address."""

from http import HTTPStatus

from fastapi import APIRouter

from windlass.domain.release import ReleaseId
from windlass.engine.context import Context
from windlass.engine.review import approve, reject
from windlass.entrypoints.web.callers import Actor
from windlass.entrypoints.web.models import ApprovalIn, DecisionOut, ReasonIn
from windlass.entrypoints.web.parameters import Name, ReleaseNumber


def add_reviews(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.post("/{name}/releases/{release}/approve", status_code=HTTPStatus.ACCEPTED)
    def approve_one(
        name: Name, release: ReleaseNumber, given: ApprovalIn, actor: Actor
    ) -> DecisionOut:
        """Let a release that waits for approval be deployed, which follows at once; where a plan
        is named, only if it is that of the release."""
        how = {"reason": given.reason, "actor": actor}
        approve(context, name, ReleaseId(release), **how, plan=given.plan)
        return DecisionOut(id=release)

    @router.post("/{name}/releases/{release}/reject")
    def reject_one(
        name: Name, release: ReleaseNumber, given: ReasonIn, actor: Actor
    ) -> DecisionOut:
        """Decide that a release is not deployed."""
        reject(context, name, ReleaseId(release), reason=given.reason, actor=actor)
        return DecisionOut(id=release)
