"""The slow look at all that is live: health after the first minute, and what converged by now.

A look costs one call for each hundred import errors of an environment, however many repositories
it has. While releases are not converged it also lists their bundles, or, where there are many,
all DAGs once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from windlass.database.history import record_event
from windlass.database.observations import (
    ImportErrorRow,
    LiveDeployment,
    claim_survey,
    database_ahead,
    list_live,
    record_converged,
    record_survey,
    renew_errors,
    reopen,
    survey_again,
)
from windlass.domain.artifact import EMPTY
from windlass.domain.dependents import changes_between
from windlass.domain.environment import folder_of
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.measures import AIRFLOW_COMPONENT_UP, AIRFLOW_UP
from windlass.domain.observation import SeenDag, SeenImportError, Shown, unconverged
from windlass.engine.context import Context, log
from windlass.engine.failure import stored_errors
from windlass.engine.identity import identify
from windlass.engine.observe import note_observed
from windlass.targets.airflow import AirflowClient

INTERVAL_S = 30.0
RETRY_S = 5.0  # after a look that failed
WATCHED = timedelta(minutes=5)
"""Errors that files of a release show this soon after it was published are the release's."""
_BY_BUNDLE = 10  # bundles that are listed one by one


def survey(context: Context, *, interval_s: float = INTERVAL_S) -> int:
    """Look at each environment that is due; how many there were."""
    airflows = dict(context.airflows)
    if not airflows:
        return 0
    with context.database.transaction() as connection:
        due = claim_survey(connection, airflows.keys(), interval_s)
    for environment in due:
        told: str | None = None
        ill: tuple[str, ...] = ()
        try:
            identify(context, environment, airflows[environment])
            ill = _note_components(context, environment, airflows[environment])
            _look(context, environment, airflows[environment])
        except AppError as error:
            if not error.code.startswith("AIR"):
                raise
            told = f"{error.code} {error.message}"
        context.measures.set(AIRFLOW_UP, float(told is None), environment)
        with context.database.transaction() as connection:
            ours = database_ahead(connection)
            ahead = airflows[environment].clock.ahead(ours)
            ahead_s = round(ahead.total_seconds(), 1)
            before, failures = record_survey(
                connection, environment, error=told, clock_ahead_s=ahead_s, ill=ill
            )
            if told is not None:
                survey_again(connection, environment, RETRY_S)
        _tell_turn(environment, told, before, failures)
    return len(due)


def _tell_turn(environment: str, error: str | None, before: str | None, failures: int) -> None:
    """Log a look that failed where the one before did not, or failed otherwise, and the end."""
    if error is not None and error != before:
        code, _, words = error.partition(" ")
        log.warning(Event.SURVEY_FAILED, environment=environment, code=code, error=words)
    elif error is None and failures:
        log.info(Event.SURVEY_RECOVERED, environment=environment, failed_looks=failures)


def _note_components(context: Context, environment: str, airflow: AirflowClient) -> tuple[str, ...]:
    """Which components of the Airflow are not well; all of them are told to the metrics."""
    status = airflow.status()
    for name in status.components:
        context.measures.set(AIRFLOW_COMPONENT_UP, float(name not in status.ill), environment, name)
    return status.ill


def _look(context: Context, environment: str, airflow: AirflowClient) -> None:
    # The rows first: what Airflow says after that of a newer release is not written, since the
    # row that would be written is not what its bundle names any more.
    with context.database.transaction() as connection:
        live = list_live(connection, environment)
        ours = database_ahead(connection)
    errors = airflow.list_all_import_errors()
    ahead = airflow.clock.ahead(ours)
    for one in live:
        since = one.published_at + ahead
        _note_errors(context, one, errors.get(one.bundle, []), since)
    behind = [one for one in live if not one.is_converged]
    if not behind:
        return
    dags = _list_dags(airflow, [one.bundle for one in behind])
    for one in behind:
        _note_converged(context, environment, one, dags.get(one.bundle, []))


def _list_dags(airflow: AirflowClient, bundles: Sequence[str]) -> Mapping[str, list[SeenDag]]:
    if len(bundles) > _BY_BUNDLE:
        return airflow.list_all_dags()
    return {bundle: airflow.list_dags(bundle) for bundle in bundles}


def _note_errors(
    context: Context, live: LiveDeployment, errors: Sequence[SeenImportError], since: datetime
) -> None:
    """`since` is when the release was published, by Airflow's clock."""
    rows = stored_errors(live.import_errors, errors)
    if {(r.path, r.text) for r in rows} == {(r.path, r.text) for r in live.import_errors}:
        return
    is_news = {row.path for row in rows} != {row.path for row in live.import_errors}
    event = Event.DEPLOYMENT_FAILING if rows else Event.DEPLOYMENT_HEALED
    with context.database.transaction() as connection:
        if _is_the_releases(context, connection, live, [e.path for e in errors if e.at > since]):
            if reopen(connection, live, rows):
                _tell(connection, live, Event.DEPLOYMENT_FAILED, rows)
        elif renew_errors(connection, live, rows) and is_news:
            _tell(connection, live, event, rows)


def _is_the_releases(
    context: Context, connection: Connection, live: LiveDeployment, failing: Sequence[str]
) -> bool:
    """Whether files that the release had parsed again fail, soon after it was published."""
    if live.age > WATCHED or not failing:
        return False
    new = context.artifacts.get(connection, live.artifact)
    old = EMPTY
    if live.replaces_artifact is not None:
        old = context.artifacts.get(connection, live.replaces_artifact)
    return not changes_between(old, new, folder_of(live.bundle)).parsed_again.isdisjoint(failing)


def _note_converged(
    context: Context, environment: str, live: LiveDeployment, dags: Sequence[SeenDag]
) -> None:
    with context.database.transaction() as connection:
        artifact = context.artifacts.get(connection, live.artifact)
        ignored = frozenset(context.ignores_of(environment, live.bundle)(artifact).hidden)
        dag_ids = Shown(artifact, ignored).dag_ids.keys() - live.not_made
        if unconverged(live.release_id, dag_ids, dags):
            return
        note_observed(connection, live, dags)
        if record_converged(connection, live.id):
            _tell(connection, live, Event.DEPLOYMENT_CONVERGED, ())


def _tell(
    connection: Connection, live: LiveDeployment, event: Event, rows: Sequence[ImportErrorRow]
) -> None:
    files = [row.path for row in rows][:20]
    record_event(
        connection,
        event,
        repository_id=live.repository_id,
        release_id=live.release_id,
        files=files,
    )
    log.info(event, repository=live.repository, release=live.release_id, files=files[:3])
