"""`windlass explain`: gathers what is known of a DAG, in the database, the store and Airflow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy.engine import Connection

from windlass.database.claims import owners_of
from windlass.database.environments import get_environment
from windlass.database.observations import database_time, observed_dags
from windlass.database.places import (
    KnownAt,
    current_artifacts,
    events_of_release,
    find_committed_at,
    known_dag_ids,
    record_unreleased,
    where_known,
)
from windlass.database.releases import find_current, get_release
from windlass.database.status import RepositoryStatus, get_status
from windlass.domain.artifact import Artifact
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.explanation import Answer, InAirflow, Known, explain
from windlass.domain.moves import places_of
from windlass.domain.policy import Verdict
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Lease
from windlass.engine.context import Context
from windlass.targets.airflow import AirflowClient

_SEARCHED = 200  # current releases that are searched for an id that nobody owns
_KEPT = 5000  # ids of one revision that are kept
_STEPS = {
    Event.REVISION_NOTICED: "noticed",
    Event.REVISION_FETCHED: "fetched",
    Event.VERDICT_ALLOWED: "checked: allowed",
    Event.VERDICT_DENIED: "checked: denied",
    Event.REVISION_HELD: "held",
    Event.RELEASE_PUBLISHED: "released",
    Event.RELEASE_ROLLED_BACK: "rolled back to this content",
    Event.DEPLOYMENT_FAILED: "import errors in Airflow",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One step on the way from the push to the first run."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer about a DAG and its way; `release_id` is its repository's current one."""

    dag_id: str
    answer: Answer
    repository: str | None
    environment: str | None
    release_id: ReleaseId | None
    timeline: tuple[Moment, ...]
    near: tuple[str, ...]


def explain_dag(context: Context, dag_id: str, environment: str | None = None) -> Explanation:
    """Why a DAG is, or is not, visible. Any text is a dag_id here, and gets an answer; NotFound
    ENV002 for an environment that is not there."""
    with context.database.transaction() as connection:
        if environment is not None:
            get_environment(connection, environment)
        now = database_time(connection)
        places = [
            place
            for place in where_known(connection, dag_id)
            if environment in (None, place.environment)
        ]
        if not places:
            places = [*_search(connection, context, dag_id)]
        known = Known(dag_id, now)
        if not places:
            near = get_close_matches(dag_id, known_dag_ids(connection), n=5)
            known = replace(known, near=tuple(near))
            return _answered(context, known, environment)
        status = get_status(connection, places[0].repository)
        known = _gather(connection, context, known, places[0], status)
        moments = [*_moments(connection, status)]
    return _answered(context, known, places[0].environment, status, moments)


def note_unreleased(context: Context, lease: Lease, verdict: Verdict, artifact: Artifact) -> None:
    """Keep the dag_ids that a revision brings which is not deployed, so that it can be said why
    they are not visible."""
    with context.database.transaction() as connection:
        current = context.artifact_of(connection, find_current(connection, lease.repository.id))
        known = current.dag_ids
        places = {i: path for i, path in places_of(artifact).items() if i not in known}
        if places and verdict.id is not None:
            record_unreleased(connection, verdict.id, dict([*places.items()][:_KEPT]))


def _search(connection: Connection, context: Context, dag_id: str) -> Iterator[KnownAt]:
    """Repositories whose current release has the id in a file that is no DAG file: nobody owns it
    then."""
    for name, _, digest in current_artifacts(connection, _SEARCHED):
        artifact = context.artifacts.get(connection, digest)
        if _find_path(artifact, dag_id) is not None:
            environment = get_status(connection, name).repository.environment
            yield KnownAt(name, environment, owns=False, unreleased=None, gone_from=None)
            return


def _gather(
    connection: Connection,
    context: Context,
    known: Known,
    place: KnownAt,
    status: RepositoryStatus,
) -> Known:
    repository, deployed = status.repository, status.facts.deployed
    path, is_candidate, ignored = None, True, None
    if deployed is not None:
        release = get_release(connection, repository.id, deployed.release_id)
        artifact = context.artifact_of(connection, release)
        path = _find_path(artifact, known.dag_id)
        if path is None:  # made at run time
            path = observed_dags(connection, repository.id).get(known.dag_id)
        if path is not None:
            is_candidate = path in artifact.dag_files
            read_ignores = context.ignores_of(repository.environment, status.bundle or "")
            ignored = read_ignores(artifact).hidden.get(path)
    return replace(
        known,
        repository=repository.name,
        bundle=status.bundle,
        facts=status.facts,
        suspended=_since(repository.suspended_at),
        owner=owners_of(connection, repository, [known.dag_id]).get(known.dag_id),
        path=path,
        is_candidate=is_candidate,
        ignored=ignored,
        unreleased=place.unreleased,
        gone_from=place.gone_from,
    )


def _since(at: datetime | None) -> str | None:
    return None if at is None else f"since {at:%Y-%m-%d %H:%M} UTC"


def _find_path(artifact: Artifact, dag_id: str) -> str | None:
    """The file with this literal id, also where Airflow does not take it for a DAG file."""
    for path, entry in sorted(artifact.files.items()):
        if entry.outline is not None and dag_id in entry.outline.dag_ids:
            return path
    return None


def _moments(connection: Connection, status: RepositoryStatus) -> Iterator[Moment]:
    deployed, head = status.facts.deployed, status.facts.head
    revision = deployed.revision if deployed else (head.sha if head else None)
    if revision is None:
        return
    committed_at = find_committed_at(connection, status.repository.id, revision)
    if committed_at is not None:
        yield Moment(committed_at, f"committed {revision[:7]}")
    release_id = deployed.release_id if deployed else None
    events = events_of_release(connection, status.repository.id, revision, release_id)
    told: set[str] = set()
    for at, tag in events:
        if tag in _STEPS and tag not in told:  # a later sync fetches the same revision again
            told.add(tag)
            yield Moment(at, _STEPS[Event(tag)])
    if deployed is None:
        return
    for at, what in (
        (deployed.published_at, "flipped: Airflow can see it"),
        (deployed.live_at, f"live as release #{deployed.release_id}"),
        (deployed.converged_at, "converged: every DAG of the release was seen"),
    ):
        if at is not None:
            yield Moment(at, what)


def _answered(
    context: Context,
    known: Known,
    environment: str | None,
    status: RepositoryStatus | None = None,
    moments: list[Moment] | None = None,
) -> Explanation:
    deployed = status.facts.deployed if status else None
    release_id = deployed.release_id if deployed else None
    told, runs = _ask_airflow(context, known, environment, release_id)
    timeline = sorted([*(moments or []), *runs], key=lambda moment: moment.at)
    return Explanation(
        dag_id=known.dag_id,
        answer=explain(told),
        repository=known.repository,
        environment=environment,
        release_id=release_id,
        timeline=tuple(timeline),
        near=known.near,
    )


def _ask_airflow(
    context: Context, known: Known, environment: str | None, release_id: ReleaseId | None
) -> tuple[Known, list[Moment]]:
    """What Airflow says of the DAG, and when its first run on the release was."""
    airflows = dict(context.airflows)
    if environment is None:
        environment = min(airflows, default=None)
    airflow = airflows.get(environment or "")
    if airflow is None:
        return replace(known, airflow_error="its environment has no Airflow address"), []
    try:
        shown = airflow.find_dag(known.dag_id)
        runs = _runs(airflow, known.dag_id, release_id) if shown and release_id else []
    except AppError as error:
        return replace(known, airflow_error=f"{error.code} {error.message}"), []
    if shown is None:
        return known, []
    seen = InAirflow(
        bundle=shown.bundle,
        version=shown.seen.version,
        is_stale=shown.is_stale,
        is_paused=shown.is_paused,
        parsed_at=shown.seen.parse_began_at,
        next_run_at=shown.next_run_at,
    )
    return replace(known, airflow=seen), runs


def _runs(airflow: AirflowClient, dag_id: str, release_id: ReleaseId) -> list[Moment]:
    run = airflow.find_first_run(dag_id, release_id)
    if run is None:
        return []
    found = []
    if run.started_at is not None:
        found.append(Moment(run.started_at, f"first run started: {run.run_id}"))
    if run.ended_at is not None:
        found.append(Moment(run.ended_at, f"first run ended: {run.state}"))
    return found
