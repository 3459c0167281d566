"""Step 5: observe. Asks Airflow until it shows the release, or says that it cannot import it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.claims import claim_observed, lock_claims
from windlass.database.history import record_event
from windlass.database.measures import Lags, lags_of
from windlass.database.observations import (
    LiveDeployment,
    OpenDeployment,
    claim_observations,
    close_deployment,
    observed_dags,
    record_converged,
    record_missing,
    record_not_made,
    record_observed,
    repository_of,
)
from windlass.domain.artifact import EMPTY
from windlass.domain.clock import Ahead
from windlass.domain.environment import folder_of
from windlass.domain.errors import AppError, Unavailable
from windlass.domain.events import Event
from windlass.domain.measures import AIRFLOW_UP, DAG_PARSE, PUBLISHED_TO_LIVE, PUSH_TO_LIVE
from windlass.domain.observation import (
    Broken,
    Expectation,
    Live,
    Observed,
    SeenDag,
    SeenImportError,
    Shown,
    Waiting,
    compare,
    expect,
    never_made,
    unconverged,
)
from windlass.domain.release import DeploymentState
from windlass.domain.repository import RepositoryId
from windlass.engine.context import Context, log
from windlass.engine.failure import Suspicion, answer, stored_errors
from windlass.targets.airflow import AirflowClient

BATCH = 20
ASK_AGAIN_S = 1.0  # the processor's own loop
LOST_S = 10.0
"""A request for a parse that shows nothing for this long was lost, as where the processor died."""
MAX_PARSE_REQUESTS = 100  # beyond that Airflow's own queue is as quick
SETTLED_S = 60.0
"""A file of which nothing is seen may still wait for its parse. After this long without any news of
the release it was parsed, if the processor is well."""
MAKERS_S = 5.0
"""How long a new file that looks as if it made DAGs at run time is waited for."""


@dataclass(slots=True)
class _Watch:
    """What is known of the observed deployment of one repository."""

    expected: Expectation
    dag_ids: frozenset[str]  # the literal ones of the whole release that can be seen
    asked: dict[str, "_Asked"] = field(default_factory=dict)  # by file
    refreshed: float = 0.0
    missing: tuple[str, ...] | None = None
    changed: float = field(default_factory=time.monotonic)  # when `missing` last changed
    unmade: frozenset[str] = frozenset()
    suspicion: Suspicion = field(default_factory=Suspicion)
    looked_at: float = 0.0

    @property
    def quiet_s(self) -> float:
        """For how long nothing new was seen."""
        return time.monotonic() - self.changed


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for a parse: its monotonic time, and when the parse began that was seen by then."""

    at: float
    seen: datetime | None

    def is_answered(self, dag: SeenDag, within_s: float) -> bool:
        """Whether a newer parse was seen, or Airflow may have missed the request."""
        return dag.parse_began_at != self.seen or time.monotonic() > self.at + within_s


class Observer:
    """Looks after open deployments. What it remembers only saves work; losing it loses nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._watches: dict[RepositoryId, _Watch] = {}
        self._database_ahead = Ahead()

    @property
    def is_watching(self) -> bool:
        """Whether a deployment is so fresh that it is looked at several times a second."""
        recently = time.monotonic() - 0.5
        return any(watch.looked_at > recently for watch in self._watches.values())

    def look(self) -> int:
        """Look once at each open deployment that is due; how many there were."""
        airflows = dict(self._context.airflows)
        if not airflows:
            return 0
        asked_at = datetime.now(UTC)
        with self._context.database.transaction() as connection:
            due = claim_observations(connection, airflows.keys(), BATCH)
        if due:
            self._database_ahead = Ahead.from_answer(
                due[0].now, asked_at=asked_at, answered_at=datetime.now(UTC)
            )
        # The one that was looked at last comes last, so that none that fails keeps others waiting.
        due.sort(key=self._looked_at)
        away: set[str] = set()
        for deployment in due:
            # One thread looks for all: an Airflow that is away costs one time limit a round.
            name = deployment.environment
            if name not in away and not self._try_look_at(deployment, airflows[name]):
                away.add(name)
        return len(due)

    def _looked_at(self, deployment: OpenDeployment) -> float:
        watch = self._watches.get(deployment.repository_id)
        return watch.looked_at if watch else 0.0

    def _try_look_at(self, deployment: OpenDeployment, airflow: AirflowClient) -> bool:
        """False if its Airflow is away. A bug that one deployment meets stays with that one."""
        try:
            return self._look_at(deployment, airflow)
        except Unavailable:  # the database is: the others cannot be looked at either
            raise
        except Exception:  # noqa: BLE001  # told with its traceback
            log.exception(
                Event.LOOP_FAILED,
                loop="observe",
                repository=deployment.repository,
                release=deployment.release_id,
            )
            return True

    def _look_at(self, deployment: OpenDeployment, airflow: AirflowClient) -> bool:
        watch = self._watch(deployment)
        watch.looked_at = time.monotonic()
        is_away = False
        try:
            dags = airflow.list_dags(deployment.bundle)
            errors = airflow.list_import_errors(deployment.bundle)
            observed = self._compare(deployment, watch, airflow, dags, errors)
            if isinstance(observed, Waiting):
                _ask_to_parse(watch, airflow, deployment.bundle, dags, observed)
            self._conclude(deployment, watch, observed, dags)
            if isinstance(observed, Broken):
                suspicion, broken = watch.suspicion, observed.errors
                answer(self._context, deployment, suspicion, airflow, dags=dags, errors=broken)
        except AppError as error:
            if not error.code.startswith("AIR"):
                raise
            is_away = error.code == "AIR001"
            told = Waiting((f"an answer: {error.code} {error.message}",))
            self._conclude(deployment, watch, told, [])
        self._context.measures.set(AIRFLOW_UP, float(not is_away), deployment.environment)
        return not is_away

    def _watch(self, deployment: OpenDeployment) -> _Watch:
        known = self._watches.get(deployment.repository_id)
        if known is None or known.expected.release_id != deployment.release_id:
            with self._context.database.transaction() as connection:
                new = self._shown(connection, deployment, deployment.artifact)
                old = Shown(EMPTY)
                if deployment.replaces_artifact is not None:
                    old = replace(
                        self._shown(connection, deployment, deployment.replaces_artifact),
                        observed=observed_dags(connection, deployment.repository_id),
                        not_made=deployment.not_made_before,
                    )
            folder = folder_of(deployment.bundle)
            expected = expect(deployment.release_id, old, new, deployment.published_at, folder)
            expected = expected.without(deployment.not_made)
            unmade = new.dag_ids.keys() - expected.present.keys()
            unmade &= old.not_made | deployment.not_made
            known = _Watch(expected, frozenset(new.dag_ids.keys() - unmade))
            self._watches[deployment.repository_id] = known
            if unmade - deployment.not_made:
                self._note_not_made(deployment, frozenset(unmade))
        return known

    def _shown(self, connection: Connection, of: OpenDeployment, digest: str) -> Shown:
        artifact = self._context.artifacts.get(connection, digest)
        read_ignores = self._context.ignores_of(of.environment, of.bundle)
        return Shown(artifact, frozenset(read_ignores(artifact).hidden))

    def _compare(
        self,
        deployment: OpenDeployment,
        watch: _Watch,
        airflow: AirflowClient,
        dags: Sequence[SeenDag],
        errors: Sequence[SeenImportError],
    ) -> Observed:
        """What Airflow shows against what is expected, by Airflow's clock; what files turn out
        not to make is no longer expected."""
        ahead = airflow.clock.ahead(self._database_ahead)
        expected = replace(watch.expected, published_at=deployment.published_at + ahead)
        observed = compare(expected, dags, errors)
        if not isinstance(observed, Waiting):
            return observed
        if watch.quiet_s > MAKERS_S and expected.makers:
            watch.expected = replace(watch.expected, makers=frozenset())
            expected = replace(expected, makers=frozenset())
        is_settled = watch.quiet_s > SETTLED_S and airflow.status().is_parsing
        unmade = never_made(expected, dags, is_settled=is_settled)
        # Twice: the DAGs of one file may come on two pages, read before and after it was stored.
        sure, watch.unmade = unmade & watch.unmade, unmade
        if sure:
            watch.expected = watch.expected.without(sure)
            expected = expected.without(sure)
            watch.dag_ids -= sure
            self._note_not_made(deployment, sure)
        return compare(expected, dags, errors)

    def _note_not_made(self, deployment: OpenDeployment, dag_ids: frozenset[str]) -> None:
        with self._context.database.transaction() as connection:
            known = deployment.not_made | dag_ids
            record_not_made(connection, deployment.id, known)
            record_event(
                connection,
                Event.DAG_NOT_MADE,
                repository_id=deployment.repository_id,
                release_id=deployment.release_id,
                dag_ids=sorted(dag_ids)[:20],
            )
        log.info(Event.DAG_NOT_MADE, repository=deployment.repository, dag_ids=sorted(dag_ids)[:20])

    def _conclude(
        self,
        deployment: OpenDeployment,
        watch: _Watch,
        observed: Observed,
        dags: Sequence[SeenDag],
    ) -> None:
        if isinstance(observed, Live):
            self._watches.pop(deployment.repository_id, None)
            self._go_live(deployment, watch, dags)
        elif isinstance(observed, Broken):
            watch.missing = None  # closing forgets what was stored of it
            self._fail(deployment, observed.errors)
        elif observed.missing != watch.missing:  # told once for as long as it stays the same
            watch.missing = observed.missing
            watch.changed = time.monotonic()
            with self._context.database.transaction() as connection:
                record_missing(connection, deployment.id, list(observed.missing[:20]))
            log.info(
                Event.DEPLOYMENT_UNSEEN,
                repository=deployment.repository,
                release=deployment.release_id,
                missing=list(observed.missing[:3]),
            )

    def _go_live(self, deployment: OpenDeployment, watch: _Watch, dags: Sequence[SeenDag]) -> None:
        is_whole = not unconverged(deployment.release_id, watch.dag_ids, dags)
        with self._context.database.transaction() as connection:
            note_observed(connection, deployment, dags)
            if not close_deployment(connection, deployment.id, DeploymentState.LIVE):
                return
            self._measure(deployment, lags_of(connection, deployment.id), dags)
            _record(connection, Event.DEPLOYMENT_LIVE, deployment)
            if is_whole:
                record_converged(connection, deployment.id)
        log.info(
            Event.DEPLOYMENT_LIVE,
            repository=deployment.repository,
            release=deployment.release_id,
            is_converged=is_whole,
        )

    def _measure(self, deployment: OpenDeployment, lags: Lags, dags: Sequence[SeenDag]) -> None:
        measures, environment = self._context.measures, deployment.environment
        measures.observe(PUBLISHED_TO_LIVE, lags.published_s, environment)
        if lags.noticed_s is not None:
            measures.observe(PUSH_TO_LIVE, lags.noticed_s, environment)
        for dag in dags:
            if dag.version == str(deployment.release_id) and dag.parse_s is not None:
                measures.observe(DAG_PARSE, dag.parse_s, environment)

    def _fail(self, deployment: OpenDeployment, errors: Sequence[SeenImportError]) -> None:
        stored = stored_errors(deployment.import_errors, errors)
        files = [error.path for error in errors]
        with self._context.database.transaction() as connection:
            if not close_deployment(connection, deployment.id, DeploymentState.FAILED, stored):
                return
            _record(connection, Event.DEPLOYMENT_FAILED, deployment, files=files)
        log.warning(
            Event.DEPLOYMENT_FAILED,
            repository=deployment.repository,
            release=deployment.release_id,
            files=files[:3],
        )


def note_observed(
    connection: Connection, deployment: OpenDeployment | LiveDeployment, dags: Sequence[SeenDag]
) -> None:
    """Keep which DAGs Airflow shows, and claim those that only running the files told."""
    shown = {dag.dag_id: dag.path for dag in dags}
    if observed_dags(connection, deployment.repository_id) == shown:
        return
    repository = repository_of(connection, deployment)
    lock_claims(connection, repository)
    contested = claim_observed(connection, repository, shown)
    mine = {dag_id: path for dag_id, path in shown.items() if dag_id not in contested}
    record_observed(connection, repository, mine)
    for dag_id, owner in sorted(contested.items())[:20]:
        _record(connection, Event.DAG_CONTESTED, deployment, dag_id=dag_id, owner=owner)


def _record(
    connection: Connection, event: Event, deployment: OpenDeployment | LiveDeployment, **facts: Any
) -> None:
    record_event(
        connection,
        event,
        repository_id=deployment.repository_id,
        release_id=deployment.release_id,
        **facts,
    )


def _ask_to_parse(
    watch: _Watch,
    airflow: AirflowClient,
    bundle: str,
    dags: Sequence[SeenDag],
    waiting: Waiting,
) -> None:
    """Ask at once for every file that must be parsed, again for those parsed too early, or once
    more as they were: as soon as that is seen, for the processor looks for requests once in a
    second.

    A file of which Airflow has no DAG yet cannot be asked for; yet a request for any file of the
    bundle has Airflow refresh it all, and so find new files and miss removed ones.
    """
    now = time.monotonic()
    for dag in dags:
        asked = watch.asked.get(dag.path)
        if asked is None:
            wanted = dag.path in watch.expected.files and len(watch.asked) < MAX_PARSE_REQUESTS
        elif dag.path in waiting.parsed_too_early:
            wanted = asked.is_answered(dag, ASK_AGAIN_S)
        else:
            # Airflow drops a request for a file that is being parsed, of the release before.
            is_old = dag.version not in (None, str(watch.expected.release_id))
            wanted = is_old and asked.is_answered(dag, LOST_S)
        if wanted:
            watch.asked[dag.path] = _Asked(now, dag.parse_began_at)
            airflow.parse_file(dag.file_token)
    if not watch.asked and now > watch.refreshed + ASK_AGAIN_S:
        watch.refreshed = now
        if dags:
            airflow.parse_file(dags[0].file_token)
        else:
            airflow.refresh_bundle(bundle)
