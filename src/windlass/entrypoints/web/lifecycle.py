"""Changing, suspending and removing repositories."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from windlass.database.removals import DRAIN, list_removed
from windlass.database.status import get_status
from windlass.domain.ref import RefKind
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change, plan_removal, remove, resume, suspend
from windlass.entrypoints.web.callers import Actor
from windlass.entrypoints.web.models import (
    Line,
    OptionsIn,
    ReasonIn,
    RepositoryOut,
    Request,
)
from windlass.entrypoints.web.parameters import Limit, Name

DRAIN_S = int(DRAIN.total_seconds())
MAX_DRAIN_S = 7 * 86_400


class RepositoryChangeIn(Request):
    """What is to become of a registration; what is left out stays. `options` by name."""

    name: Line | None = None
    namespace: Line | None = None
    url: Line | None = None
    branch: Line | None = None
    tag: Line | None = None
    tag_pattern: Line | None = None
    commit: Line | None = None
    path: Line | None = None
    sync_interval: Line | None = None
    credential: Line | None = None
    options: OptionsIn = Field(default_factory=dict)


class RemovalPlanOut(BaseModel):
    """What removing a repository will do. `runs` are active now; null: Airflow was not asked.
    `delete_dags`: whether its DAGs are deleted in Airflow, where nothing else is said.
    `own_credential`: whether one goes along that only it uses."""

    name: str
    bundle: str | None
    release: int | None
    dag_ids: int
    runs: list[str] | None
    delete_dags: bool
    own_credential: bool


class RemovedOut(BaseModel):
    """A repository that was removed. `waits_for`: why its bundle is not free yet; null: it is.
    `deleted_dags`: how many of its DAGs were deleted in Airflow; null: that was not wished."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    namespace: str
    environment: str
    url: str
    removed_at: datetime
    removed_by: str | None
    reason: str | None
    releases: int
    waits_for: str | None
    deleted_dags: int | None


def add_lifecycle(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    def shown(name: str) -> RepositoryOut:
        with context.database.transaction() as connection:
            return RepositoryOut.of(get_status(connection, name))

    @router.patch("/{name}")
    def change_one(name: Name, given: RepositoryChangeIn, actor: Actor) -> RepositoryOut:
        """Change a registration; its head is judged anew."""
        refs = {kind: getattr(given, kind) for kind in RefKind}
        wanted = Change(
            name=given.name,
            namespace=given.namespace,
            url=given.url,
            refs={kind: ref for kind, ref in refs.items() if ref is not None},
            path=given.path,
            sync_interval=given.sync_interval,
            credential=given.credential,
            options=given.options,
        )
        return shown(change(context, name, wanted, actor=actor).name)

    @router.post("/{name}/suspend")
    def suspend_one(name: Name, given: ReasonIn, actor: Actor) -> RepositoryOut:
        """Stop polling and syncing; what is live stays."""
        suspend(context, name, reason=given.reason, actor=actor)
        return shown(name)

    @router.post("/{name}/resume")
    def resume_one(name: Name, actor: Actor) -> RepositoryOut:
        """Poll and sync again, at once."""
        resume(context, name, actor=actor)
        return shown(name)

    @router.get("/removed/all")
    def removed(limit: Limit = 50) -> list[RemovedOut]:
        """The repositories that were removed, newest first; their releases and events stay."""
        with context.database.transaction() as connection:
            return [RemovedOut.model_validate(one) for one in list_removed(connection, limit)]

    @router.get("/{name}/removal")
    def plan(name: Name) -> RemovalPlanOut:
        """What removing a repository will do; nothing is changed."""
        found = plan_removal(context, name)
        return RemovalPlanOut(
            name=found.name,
            bundle=found.bundle,
            release=found.release_id,
            dag_ids=found.dag_ids,
            runs=None if found.runs is None else list(found.runs),
            delete_dags=found.delete_dags,
            own_credential=found.own_credential,
        )

    @router.delete("/{name}", status_code=HTTPStatus.ACCEPTED)
    def remove_one(
        name: Name,
        actor: Actor,
        reason: Annotated[Line, Query(description="Why; kept in the history.")],
        drain_s: Annotated[
            int,
            Query(ge=0, le=MAX_DRAIN_S, description="How long its runs may take to end first."),
        ] = DRAIN_S,
        delete_dags: Annotated[
            bool | None,
            Query(
                description="Whether its DAGs are deleted in Airflow, with their runs; left out: "
                "as its option `on_removal` says. May be changed while it is being removed."
            ),
        ] = None,
    ) -> RepositoryOut:
        """Begin to remove a repository: its DAGs leave Airflow, its history stays."""
        drain = timedelta(seconds=drain_s) if drain_s else None
        remove(context, name, reason=reason, actor=actor, drain=drain, delete_dags=delete_dags)
        return shown(name)
