"""Plans that the server makes: of releases that wait for approval, and of any two revisions."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from windlass.artifacts.store import Store
from windlass.database.plans import find_plan, has_plan, keep_plan
from windlass.database.polls import find_fetched
from windlass.database.releases import (
    find_served,
    find_verdict_of,
    get_release,
    list_current,
)
from windlass.database.repositories import (
    get_past_repository,
    get_repository,
    get_repository_by_id,
)
from windlass.domain.artifact import EMPTY, FileEntry
from windlass.domain.cron_next import next_moment
from windlass.domain.dag_shape import Link
from windlass.domain.errors import AppError, NotFound
from windlass.domain.events import Event
from windlass.domain.names import Kind
from windlass.domain.plan import Circumstances
from windlass.domain.release import Release, ReleaseId
from windlass.domain.report import Report
from windlass.domain.repository import Repository
from windlass.domain.served import NO_MEMORY
from windlass.engine.context import Context, log
from windlass.engine.plan import Elsewhere, Planner, Side, plan_sides
from windlass.engine.snapshot import Tree, links_in
from windlass.engine.source import source_of
from windlass.git.listing import ListingMemory
from windlass.git.mirror import Mirror
from windlass.sandbox.stage import Contents

Answer = TypeVar("Answer")
_MAX_FILES_ELSEWHERE = 20_000
_MAX_ASKED = 20  # DAGs whose next run is asked for, a call each


def plan_waiting(
    context: Context, repository: Repository, release: Release, base: Release | None
) -> None:
    """Make and store the plan of a release that waits for approval, unless it has one.

    A failure is told in the log, and costs nothing but the plan: the next sync tries again.
    """
    try:
        with context.database.transaction() as connection:
            if has_plan(connection, release.id):
                return
        content = plan_of_release(context, repository, release, base)
        with context.database.transaction() as connection:
            keep_plan(connection, release, content)
    except AppError as error:
        log.warning(
            Event.PLAN_FAILED, repository=repository.name, release_id=release.id, code=error.code
        )


def plan_of_release(
    context: Context, repository: Repository, release: Release, base: Release | None
) -> dict[str, Any]:
    """The plan that makes `base` into `release`, without circumstances, and what it binds."""
    with context.database.transaction() as connection:
        old, new = (_side(connection, context, repository, one) for one in (base, release))
        policy = context.ruling_of(repository, connection).digest
    imports = context.imports_of(repository)
    plan = plan_sides(imports, old, new, elsewhere_of(context, repository))
    binds = {"base_release": base.id if base else None, "policy": policy}
    about = {
        "name": repository.name,
        "base": _named(base),
        "head": _named(release),
    }
    return {"about": about, **replace(plan, binds=binds).to_json()}


def plan_between(context: Context, name: str, base: str | None, head: str | None) -> dict[str, Any]:
    """The plan of two sides of a repository, each a release (`#42`) or a commit of this machine's
    mirror, by its hash; None: what is deployed, and the head that was fetched last.

    Raises NotFound REPO001 and REL001, NotFound PLAN009 where no such commit is here, and what
    importing raises.
    """
    with context.database.transaction() as connection:
        repository = get_repository(connection, name)
    context = context.pinned()
    planner = Planner(
        context.checker_of(repository),
        context.rules_of(repository),
        replace(context.imports_of(repository), repository=("plan", repository.id)),
        context.pipelines_of(repository),
        whole=True,
    )
    (old, before), (new, after) = (
        _any_side(context, planner, repository, text, is_head=is_head)
        for text, is_head in ((base, False), (head, True))
    )
    plan = plan_sides(planner.imports, old, new, elsewhere_of(context, repository))
    content = plan.to_json()
    told = circumstances_now(context, repository, content)
    about = {"name": repository.name, "base": before, "head": after}
    return {"about": about, **content, "circumstances": told}


def _any_side(
    context: Context, planner: Planner, repository: Repository, text: str | None, *, is_head: bool
) -> tuple[Side, dict[str, Any] | None]:
    with context.database.transaction() as connection:
        served = find_served(connection, repository.id)
        if text is None and not is_head:
            release = served.release if served else None
            return _side(connection, context, repository, release), _named(release)
        if text is not None and (number := text.removeprefix("#")).isdecimal() and len(number) < 7:
            release = get_release(connection, repository.id, ReleaseId(int(number)))
            return _side(connection, context, repository, release), _named(release)
        fetched = find_fetched(connection, repository.id)
        served_now = context.artifact_of(connection, served.release if served else None)
    wanted = text if text is not None else fetched.sha if fetched else ""
    mirror = context.mirror_of(repository)
    sha = mirror.find_commit(wanted.lower()) if wanted and mirror.git_dir.exists() else None
    if sha is None:
        raise NotFound(
            "PLAN009",
            f"the commit {wanted[:64] or 'of the head'!r} of {repository.name!r} is not here",
            "Name a release, such as #42, or a commit that was fetched, by its hash.",
        )
    source = source_of(repository, mirror, sha, ListingMemory())
    judges = served.judges if served else None
    is_near = judges and judges.checks == context.judges_of(repository).checks
    near = (served_now, served.memory) if served and is_near else (EMPTY, NO_MEMORY)
    built = planner.read(source, *near)
    return planner.side(source, built), {"revision": sha, "shown": sha[:7]}


def plan_shown(context: Context, name: str, release_id: ReleaseId) -> dict[str, Any]:
    """The stored plan of a release, with what Airflow says now. Raises NotFound REPO011, REL001,
    and PLAN010 where it has none."""
    with context.database.transaction() as connection:
        repository = get_past_repository(connection, name)
        get_release(connection, repository.id, release_id)
        stored = find_plan(connection, release_id)
    if stored is None:
        raise NotFound(
            "PLAN010",
            f"release #{release_id} of {name!r} has no plan",
            f"Releases that wait for approval have one: windlass plan --repository {name}",
        )
    told = circumstances_now(context, repository, stored.content)
    return {**stored.content, "circumstances": told}


def _named(release: Release | None) -> dict[str, Any] | None:
    if release is None:
        return None
    return {"release": release.id, "revision": release.revision, "shown": release.revision[:7]}


def _side(
    connection: Connection, context: Context, repository: Repository, release: Release | None
) -> Side:
    """A release as one side of a plan; nothing where there is none."""
    if release is None:
        return Side(Tree(EMPTY, lambda _: {}), Report(True, True, ()))
    artifact = context.artifact_of(connection, release)
    verdict = find_verdict_of(connection, release)
    report = Report.of(verdict, context.ruling_of(repository, connection).policy)
    contents = contents_of_release(context.store, context.mirror_of(repository), release.id)
    return Side(Tree(artifact, contents), report)


def contents_of_release(store: Store, mirror: Mirror, release_id: ReleaseId) -> Contents:
    """Reads files of a release from the store, else from the mirror."""

    def contents(entries: list[FileEntry]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for entry in entries:
            with contextlib.suppress(AppError):  # cleaned up, or changed by hand
                found[entry.digest] = store.read_file(release_id, entry)
        missing = {one.blob: one.digest for one in entries if one.digest not in found}
        if missing:
            found |= {missing[oid]: content for oid, content in mirror.read_blobs(missing)}
        return found

    return contents


def elsewhere_of(context: Context, repository: Repository) -> Elsewhere:
    """dag_id → repository and what it waits for, of the DAGs that other repositories of the
    environment have deployed; as far as their imports are remembered."""
    with context.database.transaction() as connection:
        others = [
            (get_repository_by_id(connection, one), context.artifact_of(connection, release))
            for one, release in list_current(connection, repository.environment)
            if one != repository.id
        ]
    found: dict[str, tuple[str, frozenset[Link]]] = {}
    files = 0
    for other, artifact in others:
        files += len(artifact.dag_files)
        if files > _MAX_FILES_ELSEWHERE:
            break
        imports = replace(context.imports_of(other), skip=frozenset(artifact.dag_files))
        results = imports.whole(artifact, artifact.dag_files, lambda _: {})
        for one in results.values():
            found |= {i: (other.name, awaits) for i, awaits in links_in(one).items()}
    return found


def circumstances_now(
    context: Context, repository: Repository, plan: Mapping[str, Any]
) -> dict[str, Any]:
    """What Airflow and the inventory say now of what a plan tells; what they do not say is None."""
    told = [one for one in plan["dags"] if one["what"] != "added"]
    ids = {str(one["was"] or one["dag_id"]): one for one in told}
    inventory = context.inventory_of(repository.environment)
    used = [(one["kind"], one["name"]) for one in plan["uses"]["added"]]
    now = Circumstances(
        runs=_asked(lambda: _runs(context, repository, ids)),
        next_runs=_asked(lambda: _next_runs(context, repository, ids)),
        known={
            (kind, name): str(inventory.standing(Kind(kind), name))
            for kind, name in used
            if inventory.says_anything(Kind(kind))
        },
    )
    seconds = plan["circumstances"]["import_seconds"]
    return {**now.to_json(), "import_seconds": seconds}


def _asked(ask: Callable[[], Answer]) -> Answer | None:
    try:
        return ask()
    except AppError:  # Airflow is away
        return None


def _runs(
    context: Context, repository: Repository, ids: Mapping[str, Any]
) -> Mapping[str, tuple[str, ...]] | None:
    airflow = context.airflows.get(repository.environment)
    if airflow is None:
        return None
    found = airflow.list_unfinished_runs(ids.keys()) if ids else {}
    return {dag_id: tuple(runs) for dag_id, runs in sorted(found.items())}


def _next_runs(
    context: Context, repository: Repository, ids: Mapping[str, Any]
) -> Mapping[str, tuple[str | None, str | None]] | None:
    """Of DAGs whose schedule differs: when Airflow means to run them, and when the new schedule is
    due. Those of which either is not known are left out."""
    airflow = context.airflows.get(repository.environment)
    if airflow is None:
        return None
    found: dict[str, tuple[str | None, str | None]] = {}
    moved = {i: _schedule(one) for i, one in ids.items() if _schedule(one) is not None}
    for dag_id, schedule in sorted(moved.items())[:_MAX_ASKED]:
        shown = airflow.find_dag(dag_id)
        if shown is None or shown.is_paused or schedule is None:
            continue
        old = shown.next_run_at.isoformat() if shown.next_run_at else None
        if schedule in ("none", "") or schedule.startswith("when "):
            found[dag_id] = (old, None)
            continue
        expression, _, timezone = schedule.removesuffix(" (data intervals)").partition(
            ", timezone "
        )
        new = next_moment(expression, timezone or "UTC", datetime.now(UTC))
        if new is not None:
            found[dag_id] = (old, new.isoformat())
    return found


def _schedule(dag: Mapping[str, Any]) -> str | None:
    """The schedule that a DAG is given; None where it stays as it is. A removed one has none."""
    if dag["what"] == "removed":
        return "none"
    fields = [one for one in dag["fields"] if one["name"] == "schedule"]
    return str(fields[0].get("new", "none")) if fields else None
