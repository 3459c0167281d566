"""Step 5: observe. Asks Airflow until it shows the release, or says that it cannot import it."""

import time
from dataclasses import dataclass, field

from windlass.database.deployments import (
    OpenDeployment,
    claim_observations,
    close_deployment,
    record_missing,
)
from windlass.database.history import record_event
from windlass.domain.artifact import EMPTY
from windlass.domain.errors import AppError, Unavailable
from windlass.domain.events import Event
from windlass.domain.observation import (
    Broken,
    Expectation,
    Live,
    Observed,
    SeenDag,
    Waiting,
    compare,
    expect,
)
from windlass.domain.release import DeploymentState
from windlass.domain.repository import RepositoryId
from windlass.engine.context import Context, log
from windlass.targets.airflow import AirflowClient

BATCH = 20
ASK_AGAIN_S = 1.0  # the processor's own loop
MAX_PARSE_REQUESTS = 100  # beyond that Airflow's own queue is as quick


@dataclass(slots=True)
class _Watch:
    """What is known of the observed deployment of one repository."""

    expected: Expectation
    asked: dict[str, float] = field(default_factory=dict)  # file → monotonic time of the request
    missing: tuple[str, ...] | None = None
    looked_at: float = 0.0


class Observer:
    """Looks after open deployments. What it remembers only saves work; losing it loses nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._watches: dict[RepositoryId, _Watch] = {}

    @property
    def is_watching(self) -> bool:
        """Whether a deployment is so fresh that it is looked at several times a second."""
        recently = time.monotonic() - 0.5
        return any(watch.looked_at > recently for watch in self._watches.values())

    def look(self) -> int:
        """Look once at each open deployment that is due; how many there were."""
        airflows = self._context.airflows
        if not airflows:
            return 0
        with self._context.database.transaction() as connection:
            due = claim_observations(connection, airflows.keys(), BATCH)
        # The one that was looked at last comes last, so that none that fails keeps others waiting.
        due.sort(key=self._looked_at)
        away: set[str] = set()
        for deployment in due:
            # One thread looks for all: an Airflow that is away costs one time limit a round.
            if deployment.environment not in away and not self._try_look_at(deployment):
                away.add(deployment.environment)
        return len(due)

    def _looked_at(self, deployment: OpenDeployment) -> float:
        watch = self._watches.get(deployment.repository_id)
        return watch.looked_at if watch else 0.0

    def _try_look_at(self, deployment: OpenDeployment) -> bool:
        """False if its Airflow is away. A bug that one deployment meets stays with that one."""
        try:
            return self._look_at(deployment, self._context.airflows[deployment.environment])
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
            observed = compare(watch.expected, dags, errors)
            if isinstance(observed, Waiting):
                _ask_to_parse(watch, airflow, dags, observed)
        except AppError as error:
            is_away = error.code == "AIR001"
            observed = Waiting((f"an answer: {error.code} {error.message}",))
        self._conclude(deployment, watch, observed)
        return not is_away

    def _watch(self, deployment: OpenDeployment) -> _Watch:
        known = self._watches.get(deployment.repository_id)
        if known is None or known.expected.release_id != deployment.release_id:
            with self._context.database.transaction() as connection:
                new = self._context.artifacts.get(connection, deployment.artifact)
                old = EMPTY
                if deployment.replaces_artifact is not None:
                    old = self._context.artifacts.get(connection, deployment.replaces_artifact)
            known = _Watch(expect(deployment.release_id, old, new, deployment.published_at))
            self._watches[deployment.repository_id] = known
        return known

    def _conclude(self, deployment: OpenDeployment, watch: _Watch, observed: Observed) -> None:
        if isinstance(observed, Live):
            self._watches.pop(deployment.repository_id, None)
            self._close(deployment, DeploymentState.LIVE, Event.DEPLOYMENT_LIVE, [])
        elif isinstance(observed, Broken):
            watch.missing = None  # closing forgets what was stored of it
            errors = [{"path": e.path, "text": e.text[-2000:]} for e in observed.errors]
            self._close(deployment, DeploymentState.FAILED, Event.DEPLOYMENT_FAILED, errors)
        elif observed.missing != watch.missing:  # told once for as long as it stays the same
            watch.missing = observed.missing
            with self._context.database.transaction() as connection:
                record_missing(connection, deployment.id, list(observed.missing[:20]))
            log.info(
                Event.DEPLOYMENT_UNSEEN,
                repository=deployment.repository,
                release=deployment.release_id,
                missing=list(observed.missing[:3]),
            )

    def _close(
        self,
        deployment: OpenDeployment,
        state: DeploymentState,
        event: Event,
        errors: list[dict[str, str]],
    ) -> None:
        with self._context.database.transaction() as connection:
            if not close_deployment(connection, deployment.id, state, errors):
                return
            record_event(
                connection,
                event,
                repository_id=deployment.repository_id,
                release_id=deployment.release_id,
                files=[error["path"] for error in errors],
            )
        log.info(event, repository=deployment.repository, release=deployment.release_id)


def _ask_to_parse(
    watch: _Watch, airflow: AirflowClient, dags: list[SeenDag], waiting: Waiting
) -> None:
    """Ask at once for every file that must be parsed, later for those parsed too early."""
    now = time.monotonic()
    for dag in dags:
        asked_at = watch.asked.get(dag.path)
        if asked_at is None:
            wanted = dag.path in watch.expected.files and len(watch.asked) < MAX_PARSE_REQUESTS
        else:
            wanted = dag.path in waiting.parsed_too_early and now > asked_at + ASK_AGAIN_S
        if wanted:
            watch.asked[dag.path] = now
            airflow.parse_file(dag.file_token)
