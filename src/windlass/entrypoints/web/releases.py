"""One release, and two side by side, below a repository's address."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel

from windlass.database.plans import StoredPlan, find_plan
from windlass.database.release_view import ReleaseView, Way, get_release_view
from windlass.database.reports import find_findings_before
from windlass.database.repositories import get_past_repository
from windlass.domain.approval import Approval, ApprovalState
from windlass.domain.comparison import Difference
from windlass.domain.finding import Finding, new_among
from windlass.domain.ownership import files_by_dag_id
from windlass.domain.release import ReleaseId
from windlass.engine.compare import ReleaseDiff, compare_releases
from windlass.engine.context import Context
from windlass.entrypoints.web.models import EventOut, FindingOut, ImportErrorOut, ReleaseOut
from windlass.entrypoints.web.parameters import Name, ReleaseNumber

MAX_FILES = 20_000
_Number = Annotated[int, Query(ge=1, lt=2**63)]


class ApprovalOut(BaseModel):
    """What was asked about a release, and what was decided."""

    state: ApprovalState
    base: int | None
    since: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None

    @classmethod
    def of(cls, approval: Approval) -> Self:
        return cls(
            state=approval.state,
            base=approval.base_release_id,
            since=approval.created_at,
            decided_at=approval.decided_at,
            decided_by=approval.decided_by,
            reason=approval.reason,
        )


class DeploymentOut(BaseModel):
    """The way of a release to Airflow. `live_after_s` counts from the notice of its head, else from
    the decision."""

    replaces: int | None
    noticed_at: datetime | None
    decided_at: datetime
    published_at: datetime | None
    live_at: datetime | None
    converged_at: datetime | None
    live_after_s: float | None
    failure_answer: str | None
    import_errors: list[ImportErrorOut]
    missing: list[str]

    @classmethod
    def of(cls, way: Way) -> Self:
        return cls(
            replaces=way.replaces,
            noticed_at=way.noticed_at,
            decided_at=way.decided_at,
            published_at=way.published_at,
            live_at=way.live_at,
            converged_at=way.converged_at,
            live_after_s=way.live_after_s,
            failure_answer=way.failure_answer,
            import_errors=[ImportErrorOut(path=p, text=t) for p, t in way.import_errors],
            missing=list(way.missing),
        )


class FileOut(BaseModel):
    """One file of a release."""

    path: str
    mode: str
    digest: str
    size_bytes: int


class PlannedOut(BaseModel):
    """The plan of a release in short: its digest, and how many DAGs become what."""

    digest: str
    summary: dict[str, int]


class ReleaseWholeOut(ReleaseOut):
    """A release with everything that is known of it. `findings_new` are the fingerprints of those
    that the release before it had not, `findings_gone` those that only that one had. `dags` maps
    ids to their files; `files` has the first 20,000; `has_tree` false: its files left the store.
    `plan` null: nobody was asked, or it is still to be made."""

    artifact: str
    has_tree: bool
    findings: list[FindingOut]
    findings_new: list[str]
    findings_gone: list[FindingOut]
    approval: ApprovalOut | None
    plan: PlannedOut | None
    deployment: DeploymentOut | None
    dags: dict[str, str]
    files: list[FileOut]
    events: list[EventOut]


class FileDifferenceOut(BaseModel):
    """A file that differs. `text` is the unified diff; null: `untold` says why there is none."""

    path: str
    what: Difference
    old_digest: str | None
    new_digest: str | None
    text: str | None
    untold: str | None


class DagDifferenceOut(BaseModel):
    """A DAG that differs; `was` is its file before, where it moved."""

    dag_id: str
    what: Difference
    path: str
    was: str | None


class ReleaseDiffOut(BaseModel):
    """What makes the release `old` into `new`. `parsed_again` maps each DAG file that Airflow reads
    again to the reason."""

    old: int
    new: int
    files: list[FileDifferenceOut]
    dags: list[DagDifferenceOut]
    parsed_again: dict[str, str]

    @classmethod
    def of(cls, diff: ReleaseDiff) -> Self:
        files = [
            FileDifferenceOut(
                path=one.path,
                what=one.what,
                old_digest=one.old.digest if one.old else None,
                new_digest=one.new.digest if one.new else None,
                text=diff.texts.get(one.path),
                untold=diff.untold.get(one.path),
            )
            for one in diff.comparison.files
        ]
        dags = [
            DagDifferenceOut(dag_id=one.dag_id, what=one.what, path=one.path, was=one.was)
            for one in diff.comparison.dags
        ]
        parsed_again = dict(diff.comparison.parsed_again)
        return cls(
            old=diff.old.id, new=diff.new.id, files=files, dags=dags, parsed_again=parsed_again
        )


def add_releases(router: APIRouter, context: Context) -> None:
    """Add the addresses to the router of repositories."""

    @router.get("/{name}/releases/{release}")
    def show(name: Name, release: ReleaseNumber) -> ReleaseWholeOut:
        """One release: who, why, what was found, its files and DAGs, its way to Airflow."""
        with context.database.transaction() as connection:
            repository = get_past_repository(connection, name)
            view = get_release_view(connection, repository, ReleaseId(release))
            artifact = context.artifacts.get(connection, view.artifact_digest)
            before = find_findings_before(connection, repository.id, ReleaseId(release))
            plan = find_plan(connection, ReleaseId(release))
        files = [
            FileOut(path=f.path, mode=f"{f.mode:04o}", digest=f.digest, size_bytes=f.size_bytes)
            for f in list(artifact.files.values())[:MAX_FILES]
        ]
        return _whole(view, files_by_dag_id(artifact), files, before, plan)

    @router.get("/{name}/diff")
    def diff(
        name: Name, old: _Number, new: _Number | None = None, text: bool = True
    ) -> ReleaseDiffOut:
        """What makes one release into another; `new` left out: into the one that is deployed."""
        wanted = None if new is None else ReleaseId(new)
        found = compare_releases(context, name, ReleaseId(old), wanted, text=text)
        return ReleaseDiffOut.of(found)


def _whole(
    view: ReleaseView,
    dags: dict[str, str],
    files: list[FileOut],
    before: tuple[Finding, ...],
    plan: StoredPlan | None,
) -> ReleaseWholeOut:
    return ReleaseWholeOut(
        **ReleaseOut.of(view.release).model_dump(),
        artifact=view.artifact_digest,
        has_tree=view.has_tree,
        findings=[FindingOut.of(finding) for finding in view.findings],
        findings_new=[finding.fingerprint for finding in new_among(view.findings, before)],
        findings_gone=[FindingOut.of(finding) for finding in new_among(before, view.findings)],
        approval=ApprovalOut.of(view.approval) if view.approval else None,
        plan=PlannedOut(digest=plan.digest, summary=plan.content["summary"]) if plan else None,
        deployment=DeploymentOut.of(view.way) if view.way else None,
        dags=dags,
        files=files,
        events=[EventOut.of(event) for event in view.events],
    )
