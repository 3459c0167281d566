"""Step 5: observe. Asks Airflow until it shows the release, or says that it cannot import it."""

import time

from windlass.database.deployments import (
    OpenDeployment,
    claim_observations,
    close_deployment,
    record_missing,
)
from windlass.database.history import record_event
from windlass.domain.artifact import EMPTY, Artifact
from windlass.domain.errors import AppError
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
from windlass.engine.context import Context, log
from windlass.targets.airflow import AirflowClient

BATCH = 20
ASK_AGAIN_S = 1.0  # the processor's own loop
MAX_PARSE_REQUESTS = 100  # beyond that Airflow's own queue is as quick


class Observer:
    """Looks after open deployments. What it remembers only saves work; losing it loses nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._expectations: dict[int, Expectation] = {}
        self._missing: dict[int, tuple[str, ...]] = {}
        self._asked: dict[int, dict[str, float]] = {}  # deployment → file → monotonic time

    def look(self) -> int:
        """Look once at each open deployment that is due; how many there were."""
        with self._context.database.transaction() as connection:
            due = claim_observations(connection, BATCH)
        for deployment in due:
            airflow = self._context.airflows.get(deployment.environment)
            if airflow is not None:
                self._look_at(deployment, airflow)
        return len(due)

    def _look_at(self, deployment: OpenDeployment, airflow: AirflowClient) -> None:
        try:
            expected = self._expectation(deployment)
            dags = airflow.list_dags(deployment.bundle)
            observed = compare(expected, dags, airflow.list_import_errors(deployment.bundle))
            if isinstance(observed, Waiting):
                self._ask_to_parse(deployment, airflow, dags, expected.files, observed)
        except AppError as error:
            self._note_missing(deployment, (f"an answer: {error.code} {error.message}",))
            return
        self._conclude(deployment, observed)

    def _ask_to_parse(
        self,
        deployment: OpenDeployment,
        airflow: AirflowClient,
        dags: list[SeenDag],
        files: frozenset[str],
        waiting: Waiting,
    ) -> None:
        """Ask at once for every file that must be parsed, later for those parsed too early."""
        asked = self._asked.setdefault(deployment.id, {})
        now = time.monotonic()
        for dag in dags:
            again = (
                dag.path in waiting.parsed_too_early and now > asked.get(dag.path, 0) + ASK_AGAIN_S
            )
            first = dag.path in files and dag.path not in asked
            if again or (first and len(asked) < MAX_PARSE_REQUESTS):
                asked[dag.path] = now
                airflow.parse_file(dag.file_token)

    def _expectation(self, deployment: OpenDeployment) -> Expectation:
        known = self._expectations.get(deployment.id)
        if known is None:
            new, old = self._artifact(deployment.artifact), EMPTY
            if deployment.replaces_artifact is not None:
                old = self._artifact(deployment.replaces_artifact)
            known = expect(deployment.release_id, old, new, deployment.published_at)
            self._expectations[deployment.id] = known
        return known

    def _artifact(self, digest: str) -> Artifact:
        with self._context.database.transaction() as connection:
            return self._context.artifacts.get(connection, digest)

    def _conclude(self, deployment: OpenDeployment, observed: Observed) -> None:
        if isinstance(observed, Live):
            self._close(deployment, DeploymentState.LIVE, Event.DEPLOYMENT_LIVE, [])
        elif isinstance(observed, Broken):
            errors = [{"path": e.path, "text": e.text[-2000:]} for e in observed.errors]
            self._close(deployment, DeploymentState.FAILED, Event.DEPLOYMENT_FAILED, errors)
        else:
            self._note_missing(deployment, observed.missing)

    def _note_missing(self, deployment: OpenDeployment, missing: tuple[str, ...]) -> None:
        """Record and log what is missing, once for as long as it stays the same."""
        if missing == self._missing.get(deployment.id):
            return
        self._missing[deployment.id] = missing
        with self._context.database.transaction() as connection:
            record_missing(connection, deployment.id, list(missing[:20]))
        log.info(
            Event.DEPLOYMENT_UNSEEN,
            repository=deployment.repository,
            release=deployment.release_id,
            missing=list(missing[:3]),
        )

    def _close(
        self,
        deployment: OpenDeployment,
        state: DeploymentState,
        event: Event,
        errors: list[dict[str, str]],
    ) -> None:
        self._expectations.pop(deployment.id, None)
        self._asked.pop(deployment.id, None)
        self._missing.pop(deployment.id, None)
        files = [error["path"] for error in errors]
        with self._context.database.transaction() as connection:
            if not close_deployment(connection, deployment.id, state, errors):
                return
            record_event(
                connection,
                event,
                repository_id=deployment.repository_id,
                release_id=deployment.release_id,
                files=files,
            )
        log.info(event, repository=deployment.repository, release=deployment.release_id)
