"""DAG files that move while runs are in flight: the deployment waits until those runs end.

Airflow looks for the file of a running task where the newest release has it, but in the release
that the run began on. There it is not: the task fails after its retries (measured, Airflow 3.3).
"""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.engine import Connection

from windlass.database.holds import (
    UNKNOWN,
    RunsHold,
    list_runs_holds,
    open_hold,
    overridden_moves,
)
from windlass.database.observations import last_places, observed_dags
from windlass.database.releases import find_current
from windlass.database.repositories import (
    get_repository_by_id,
    hold_lease,
    settle,
    unsettle,
)
from windlass.domain.artifact import Artifact
from windlass.domain.errors import AppError
from windlass.domain.events import Event
from windlass.domain.hold import HoldKind
from windlass.domain.moves import Move, moves_between, places_of
from windlass.domain.repository import CommitSha, Lease
from windlass.engine.context import Context, log, tell
from windlass.engine.failure import ACTOR
from windlass.engine.holds import end_and_tell, tell_begun

LOOK_S = 3.0
GIVE_UP_AFTER = timedelta(minutes=5)
"""How long a deployment waits where Airflow does not say whether runs are in flight. A push that
never arrives would be worse than tasks that fail while Airflow's API is away."""
_NAMED = 3


def waits_for_runs(context: Context, lease: Lease, artifact: Artifact, revision: CommitSha) -> bool:
    """Whether runs that are in flight keep this artifact from being deployed; a hold says which,
    and the sync is settled. A rollback never waits."""
    airflow = context.airflows.get(lease.repository.environment)
    if airflow is None:
        return False
    with context.database.transaction() as connection:
        moves = _moves(connection, context, lease, artifact)
        overridden = overridden_moves(connection, lease.repository.id, revision)
    if not moves:
        return False
    try:
        runs = airflow.list_unfinished_runs(moves.keys())
    except AppError as error:
        reason = f"{UNKNOWN} of DAGs whose files move ({_named(moves)}): {error.code}"
        waiting = sorted(moves)
    else:
        reason = _reason(moves, runs) if runs else ""
        waiting = sorted(runs)
    if overridden.issuperset(waiting):  # as none is
        return False
    _hold(context, lease, revision, reason, waiting)
    return True


def look_at_runs(context: Context) -> int:
    """End the holds whose runs have ended, and deploy at once; how many there were."""
    with context.database.transaction() as connection:
        holds = list_runs_holds(connection)
    return sum(_try_end(context, one) for one in holds)


def _moves(
    connection: Connection, context: Context, lease: Lease, artifact: Artifact
) -> dict[str, Move]:
    repository = lease.repository
    old = context.artifact_of(connection, find_current(connection, repository.id))
    new_ids = places_of(artifact).keys() - old.dag_ids
    places = last_places(connection, repository, new_ids) if new_ids else {}
    elsewhere = {}
    for dag_id, place in places.items():
        if place.repository_id == repository.id:
            elsewhere[dag_id] = place.path
        else:
            name = get_repository_by_id(connection, place.repository_id).name
            elsewhere[dag_id] = f"{place.path} of {name}"
    return moves_between(old, artifact, observed_dags(connection, repository.id), elsewhere)


def _reason(moves: Mapping[str, Move], runs: Mapping[str, list[str]]) -> str:
    """Which DAG, which runs, both places; how many more DAGs there are."""
    dag_id, ids = min(runs.items())
    move = moves[dag_id]
    named = ", ".join(ids[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
    more = f"; {len(runs) - 1} more DAGs likewise" if len(runs) > 1 else ""
    count = f"{len(ids)} run{'s' if len(ids) > 1 else ''}"
    return f"{dag_id} moves from {move.was} to {move.will} with {count} in flight ({named}){more}"


def _named(moves: Mapping[str, Move]) -> str:
    more = ", …" if len(moves) > _NAMED else ""
    return ", ".join(sorted(moves)[:_NAMED]) + more


def _hold(
    context: Context, lease: Lease, revision: CommitSha, reason: str, dag_ids: list[str]
) -> None:
    repository = lease.repository
    with context.database.transaction() as connection:
        hold_lease(connection, lease)
        begun = open_hold(
            connection,
            repository.id,
            HoldKind.MOVED_FILES,
            reason=reason,
            actor=ACTOR,
            until_new_head=True,
            facts={"dag_ids": dag_ids, "revision": revision},
        )
        if begun is not None:
            tell_begun(connection, repository, begun)
        inputs = context.inputs_of(repository)
        settle(connection, lease, revision, inputs, held_reason=f"held by {ACTOR}: {reason}")
        tell(connection, Event.REVISION_HELD, repository, revision=revision, reason=reason)


def _try_end(context: Context, one: RunsHold) -> bool:
    airflow = context.airflows.get(one.environment)
    reason = "no run is in flight any more"
    try:
        if airflow is not None and airflow.list_unfinished_runs(one.dag_ids):
            if not one.is_unknown:
                return False
            reason = "Airflow says now that runs are in flight"  # the next hold says which
    except AppError as error:
        if one.age < GIVE_UP_AFTER:
            return False
        reason = UNKNOWN
        log.warning(Event.RUNS_UNKNOWN, repository_id=one.repository_id, code=error.code)
    with context.database.transaction() as connection:
        repository = get_repository_by_id(connection, one.repository_id)
        if not end_and_tell(connection, repository, [one.id], actor=ACTOR, reason=reason):
            return False  # another worker did
        unsettle(connection, repository.id)
        context.jobs.defer_sync(connection, repository.id)
    return True
