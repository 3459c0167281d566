"""What follows when Airflow cannot import a release: it is rolled back, or kept with a reason.

Not every error means a bad release. It must be new, be met again by a later parse, and not be met
by files of other repositories as well, which would say that the cause lies outside.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from windlass.database.history import record_event
from windlass.database.holds import list_holds
from windlass.database.observations import ImportErrorRow, OpenDeployment, answer_failure
from windlass.database.releases import find_current, find_proven_release
from windlass.database.repositories import get_repository_by_id
from windlass.domain.errors import Conflict
from windlass.domain.events import Event
from windlass.domain.hold import HoldKind
from windlass.domain.observation import SeenDag, SeenImportError
from windlass.domain.regression import Regression, in_short, is_confirmed, reason_to_keep
from windlass.domain.release import ReleaseId
from windlass.engine.context import Context, log
from windlass.targets.airflow import AirflowClient

ACTOR = "windlass"
ASK_EVERY_S = 2.5
ROLL_BACK_AGAIN_S = 60.0
_WITNESSES = 3


@dataclass(slots=True)
class Suspicion:
    """What is remembered of a failing deployment between two looks; losing it costs seconds.

    `witnesses`: sound DAG files of other bundles that were parsed again with the failing ones,
    by (bundle, file); None before they were chosen.
    """

    first_at: dict[str, datetime] = field(default_factory=dict)
    witnesses: frozenset[tuple[str, str]] | None = None
    asked_at: float = 0.0
    rolled_back_at: float = 0.0


def stored_errors(
    known: Sequence[ImportErrorRow], errors: Sequence[SeenImportError]
) -> list[ImportErrorRow]:
    """The errors as they are stored: those that were known with the time they were first met."""
    first = {row.path: row.at for row in known}
    return [ImportErrorRow(e.path, e.text[-2000:], first.get(e.path, e.at)) for e in errors]


def answer(
    context: Context,
    deployment: OpenDeployment,
    suspicion: Suspicion,
    airflow: AirflowClient,
    *,
    dags: Sequence[SeenDag],
    errors: Sequence[SeenImportError],
) -> None:
    """Decide about a failing deployment, or ask Airflow to parse its files again."""
    for row in stored_errors(deployment.import_errors, errors):
        suspicion.first_at.setdefault(row.path, row.at)
    found = Regression(
        errors=errors,
        first_at=suspicion.first_at,
        waited=deployment.now - (deployment.failed_at or deployment.now),
        before=deployment.failed_before,
        is_rollback=deployment.is_rollback,
        option=deployment.options.on_import_error,
        target=_target(context, deployment),
    )
    kept = reason_to_keep(found)
    if kept is None and not is_confirmed(found):
        _parse_again(context, deployment, suspicion, airflow, dags=dags, found=found)
        return
    if kept is None and _fails_elsewhere(suspicion, airflow):
        kept = "DAGs of other repositories, which did not change, fail too: the cause is outside"
    kept = kept or _asked_to_keep(context, deployment)
    if kept is not None:
        _keep(context, deployment, kept, errors)
    elif time.monotonic() > suspicion.rolled_back_at + ROLL_BACK_AGAIN_S:
        suspicion.rolled_back_at = time.monotonic()
        assert found.target is not None
        _roll_back(context, deployment, found.target, found.new[0])


def _asked_to_keep(context: Context, deployment: OpenDeployment) -> str | None:
    """Why a person's word keeps what is live: a hold that somebody asked for, or a suspension."""
    with context.database.transaction() as connection:
        repository = get_repository_by_id(connection, deployment.repository_id)
        holds = list_holds(connection, repository.id)
    if repository.suspended_at is not None:
        return "the repository is suspended"
    asked = [hold.reason for hold in holds if hold.kind is HoldKind.MANUAL]
    return f"the repository is held: {asked[0]}" if asked else None


def _target(context: Context, deployment: OpenDeployment) -> ReleaseId | None:
    with context.database.transaction() as connection:
        return find_proven_release(connection, deployment.repository_id, deployment.release_id)


def _parse_again(
    context: Context,
    deployment: OpenDeployment,
    suspicion: Suspicion,
    airflow: AirflowClient,
    *,
    dags: Sequence[SeenDag],
    found: Regression,
) -> None:
    """Have the failing files read once more, and the witnesses with them.

    Airflow takes a request only for a file of which it has DAGs. For another one, a newer time of
    change in the store does the same, where Airflow mounts it.
    """
    now = time.monotonic()
    if now < suspicion.asked_at + ASK_EVERY_S:
        return
    suspicion.asked_at = now
    tokens = {dag.path: dag.file_token for dag in dags}
    for path in sorted({error.path for error in found.new}):
        if path in tokens:
            airflow.parse_file(tokens[path])
        else:
            try:
                context.store.touch(deployment.release_id, path)
            except Conflict:  # it is not in the store: the drift look tells it
                continue
    if suspicion.witnesses is None:
        suspicion.witnesses = _ask_witnesses(airflow, deployment.bundle)


def _ask_witnesses(airflow: AirflowClient, bundle: str) -> frozenset[tuple[str, str]]:
    """A few files of other bundles that Airflow imports without error; they are parsed again."""
    failing = {
        (other, error.path)
        for other, errors in airflow.list_all_import_errors().items()
        for error in errors
    }
    sound = {
        (other, dag.path): dag.file_token
        for other, dag in airflow.list_dags_elsewhere(bundle)
        if (other, dag.path) not in failing
    }
    chosen = dict(list(sound.items())[:_WITNESSES])
    for token in chosen.values():
        airflow.parse_file(token)
    return frozenset(chosen)


def _fails_elsewhere(suspicion: Suspicion, airflow: AirflowClient) -> bool:
    """Whether every witness, sound before, fails by now."""
    if not suspicion.witnesses:
        return False
    failing = airflow.list_all_import_errors()
    return all(
        any(error.path == path for error in failing.get(bundle, []))
        for bundle, path in suspicion.witnesses
    )


def _keep(
    context: Context, deployment: OpenDeployment, why: str, errors: Sequence[SeenImportError]
) -> None:
    with context.database.transaction() as connection:
        if not answer_failure(connection, deployment.id, f"not rolled back: {why}"):
            return
        record_event(
            connection,
            Event.DEPLOYMENT_KEPT,
            repository_id=deployment.repository_id,
            release_id=deployment.release_id,
            reason=why,
            error=in_short(errors[0]),
        )
    log.warning(
        Event.DEPLOYMENT_KEPT,
        repository=deployment.repository,
        release=deployment.release_id,
        reason=why,
    )


def _roll_back(
    context: Context, deployment: OpenDeployment, to: ReleaseId, error: SeenImportError
) -> None:
    """Ask for the rollback, if the release is still what the bundle names. Should a newer push be
    released before the job begins, the job does nothing (REL007)."""
    reason = f"Airflow cannot import {in_short(error)}"
    with context.database.transaction() as connection:
        current = find_current(connection, deployment.repository_id)
        if current is None or current.id != deployment.release_id:
            return
        answer_failure(connection, deployment.id, f"rolling back to the content of #{to}")
        context.jobs.defer_rollback(
            connection,
            deployment.repository_id,
            to=to,
            bad=deployment.release_id,
            actor=ACTOR,
            reason=reason,
        )
