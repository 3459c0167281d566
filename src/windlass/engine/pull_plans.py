"""The plan of a pull request: what its merge would do, told beside the verdict on its head."""

from dataclasses import dataclass, replace
from typing import Any

from windlass.database.pull_requests import DuePull
from windlass.domain.errors import AppError, Conflict
from windlass.domain.events import Event
from windlass.domain.pull_request import TELLING, PullPlan
from windlass.domain.repository import CommitSha, Repository, Revision
from windlass.domain.served import Memory
from windlass.engine.build import Build
from windlass.engine.context import Context, log
from windlass.engine.plan import Elsewhere, Planner, Side, plan_sides
from windlass.engine.plan_release import circumstances_now, elsewhere_of
from windlass.engine.ruling import Rules
from windlass.engine.source import RevisionSource, source_of

_OF_FORK = "of a fork, what reading alone tells is shown, and nothing of the environment"


@dataclass(frozen=True, slots=True)
class Judged:
    """A head as it was judged: by which context and rules, for the repository as its pull requests
    are judged. `reading` is that repository as strangers' are judged: nothing is imported."""

    context: Context
    repository: Repository
    reading: Repository
    rules: Rules
    built: Build


def plan_pull(judged: Judged, due: DuePull, name: str, revision: Revision) -> PullPlan:
    """The plan that a merge would be, from where the head, the ref `name`, left the branch.

    Never raises: a verdict does not wait for its plan. Of a fork's, what is posted is made by
    reading alone, and names neither what the environment has nor other repositories (security rule
    S4).
    """
    try:
        _refuse_unread(judged)
        base = _find_fork(judged, due, name, revision)
        posted = _plan(judged, base, revision, is_told_whole=False) if due.is_fork else None
        if posted and judged.repository.options == judged.reading.options:
            return PullPlan(posted)
        return PullPlan(_plan(judged, base, revision, is_told_whole=True), posted)
    except AppError as error:
        log.info(Event.PLAN_FAILED, number=due.number, code=error.code)
        return PullPlan(problem=f"{error.code} {error.message}")
    except Exception as error:  # noqa: BLE001  # our bug: the verdict is told all the same
        log.exception(Event.PLAN_FAILED, number=due.number)
        return PullPlan(problem=f"WIND001 Windlass failed with {type(error).__name__}: a bug")


def _refuse_unread(judged: Judged) -> None:
    """Raise Conflict PLAN012 where the head is denied as a whole, so that it was not read."""
    if judged.built.artifact.files:
        return
    policy = judged.rules.policy
    whole = [one for one in judged.built.findings if not one.path and policy.denies(one)]
    if whole:
        raise Conflict("PLAN012", f"nothing of the head is read: {whole[0].code}")


def _find_fork(judged: Judged, due: DuePull, name: str, revision: Revision) -> CommitSha:
    """Raises as `Mirror.find_fork`, and Conflict PLAN011."""
    context, repository = judged.context, judged.repository
    with context.database.transaction() as connection:
        remote = context.remote_of(connection, repository)
    limit = context.max_fetch_bytes
    mirror = context.mirror_of(repository)
    base = mirror.find_fork(remote, name, due.number, revision.sha, limit)
    if base is None:
        raise Conflict(
            "PLAN011",
            f"{due.source} has no commit in common with {remote.ref.full_name}",
            "Rebase it on the branch that it is to be merged into.",
        )
    return base


def _plan(
    judged: Judged, base: CommitSha, head: Revision, *, is_told_whole: bool
) -> dict[str, Any]:
    context = judged.context
    repository = judged.repository if is_told_whole else judged.reading
    imports = context.imports_of(repository)
    if not is_told_whole:
        imports = replace(imports, because=_OF_FORK)
    rules = replace(judged.rules, options=repository.options)
    planner = Planner(
        context.checker_of(repository), rules, imports, context.pipelines_of(repository)
    )
    after = planner.read(_source(context, repository, head.sha), *_near(judged.built))
    source = _source(context, repository, base)
    before = planner.read(source, *_near(after))
    sides = planner.sides((source, before), (_source(context, repository, head.sha), after))
    elsewhere: Elsewhere = elsewhere_of(context, repository) if is_told_whole else {}
    if not is_told_whole:
        sides = _untelling(sides[0]), _untelling(sides[1])
    content = plan_sides(imports, *sides, elsewhere).to_json()
    if is_told_whole:
        content["circumstances"] = circumstances_now(context, repository, content)
    about = {
        "name": repository.name,
        "base": {"revision": base, "shown": base[:7]},
        "head": {"revision": head.sha, "shown": head.sha[:7], "subject": head.subject},
    }
    return {"about": about, **content}


def _near(built: Build) -> tuple[Any, Memory]:
    """What need not be read again beside a build."""
    return built.artifact, Memory.of(built.findings)


def _source(context: Context, repository: Repository, sha: CommitSha) -> RevisionSource:
    return source_of(repository, context.mirror_of(repository), sha, context.listings)


def _untelling(side: Side) -> Side:
    """Without findings that tell of the environment."""
    if side.report is None:
        return side
    kept = tuple(one for one in side.report.issues if one.finding.type not in TELLING)
    return replace(side, report=replace(side.report, issues=kept))
