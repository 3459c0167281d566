"""The way of a repository out: step by step, driven by the tick, each step done twice unharmed.

Its runs may end first. Then its bundle is unbound, and Airflow is watched until it shows none of
its DAGs. Where that is wished, Airflow then forgets them with their runs. Then its dag_ids are
free, its mirror goes, and it is history. Its bundle is free for another repository when no run
refers to it any more.
"""

from windlass.database.claims import (
    claim,
    claim_observed,
    claim_prefixes,
    lock_claims,
    own_ids,
)
from windlass.database.observations import ever_observed
from windlass.database.removals import (
    DrainingBundle,
    Removal,
    count_deleted,
    free_bundle,
    list_draining,
    list_removals,
    mark_removed,
    note_deleted,
    note_removal,
    unbind_bundle,
)
from windlass.database.repositories import end_lease
from windlass.database.wishes import record_wishes
from windlass.domain.audit import Action
from windlass.domain.errors import AppError, Conflict
from windlass.domain.events import Event
from windlass.domain.repository import RepositoryId
from windlass.engine.audit import audited
from windlass.engine.context import Context, log, tell
from windlass.engine.holds import end_open_holds
from windlass.engine.publish import project_pointer
from windlass.engine.supersede import supersede_all
from windlass.git.mirror import mirror_of
from windlass.targets.airflow import AirflowClient

UNSEEN_S = 300.0
"""An Airflow that is away for longer does not keep a repository from being history. Its dag_ids
are given up then, although Airflow was not seen without them. One that is to forget its DAGs is
waited for as long as that is wished."""
_SHOWN = 3
_AT_ONCE = 50
"""How many DAGs are deleted before other removals have their turn."""


def go_on_removing(context: Context, unseen_s: float = UNSEEN_S) -> None:
    """Take every removal and every bundle that is left behind one step further, if it can go."""
    with context.database.transaction() as connection:
        removals = list_removals(connection)
    for removal in removals:
        try:
            _go_on(context, removal, unseen_s)
        except AppError as error:  # the others must not wait for it
            _wait(context, removal.repository.id, f"{error.code} {error.message}")
    with context.database.transaction() as connection:
        draining = list_draining(connection)
    for bundle in draining:
        try:
            _free(context, bundle)
        except AppError as error:
            _wait(context, bundle.repository.id, f"{error.code} {error.message}")


def _go_on(context: Context, removal: Removal, unseen_s: float) -> None:
    repository, bundle = removal.repository, removal.bundle
    if removal.release_id is not None and bundle is not None:
        runs = _active_runs(context, repository.environment, bundle) if removal.may_drain else None
        if runs:
            _wait(context, repository.id, f"{runs} to end")
            return
    if bundle is not None:
        _unbind(context, removal, bundle)
        shown = _shown_dags(context, repository.environment, bundle)
        if shown and (removal.delete_dags or (removal.unbound_for_s or 0.0) < unseen_s):
            _wait(context, repository.id, f"Airflow, which shows {shown}")
            return
        if removal.delete_dags and (left := _delete_dags(context, removal, bundle)):
            _wait(context, repository.id, left)
            return
    _finish(context, removal)


def _unbind(context: Context, removal: Removal, bundle: str) -> None:
    """Make the bundle show nothing: decided in the database, projected to its pointer."""
    repository = removal.repository
    if removal.unbound_for_s is None:
        with context.database.transaction() as connection:
            end_lease(connection, repository.id)
            unbind_bundle(connection, repository.id)
            tell(connection, Event.REPOSITORY_UNBOUND, repository, bundle=bundle)
    project_pointer(context, repository.environment, bundle)


def _delete_dags(context: Context, removal: Removal, bundle: str) -> str:
    """Make Airflow forget what it has of the repository's DAGs; what is left to wait for.

    They are the repository's own until they are gone: nobody else can bring one of them back
    between the look at it and its end. What another repository owns by now stays.
    """
    repository = removal.repository
    airflow = context.airflows.get(repository.environment)
    if airflow is None:
        return f"an address of Airflow, to delete its DAGs there: {_way_out(repository.name)}"
    with context.database.transaction() as connection:
        lock_claims(connection, repository)
        dag_ids = own_ids(connection, repository) | ever_observed(connection, repository.id)
        dag_ids -= claim_observed(connection, repository, dag_ids).keys()
    doomed = [one for one in airflow.list_gone(bundle) if one in dag_ids]
    if removal.deleted_dags is None:
        _tell_deletion(context, removal, doomed)
    left = _delete(airflow, doomed[:_AT_ONCE])
    if left is not None:
        return f"{left.code} {left.message}"
    return f"{len(doomed) - _AT_ONCE} more DAGs to be deleted" if doomed[_AT_ONCE:] else ""


def _delete(airflow: AirflowClient, dag_ids: list[str]) -> Conflict | None:
    """Delete each that can be; why the first that cannot be was left."""
    busy = None
    for dag_id in dag_ids:
        try:
            airflow.delete_dag(dag_id)
        except Conflict as error:  # a task of it still runs; the others need not wait for it
            busy = busy or error
    return busy


def _tell_deletion(context: Context, removal: Removal, dag_ids: list[str]) -> None:
    """Tell history and audit which DAGs will go, once, before the first goes."""
    repository, subject = removal.repository, f"repository/{removal.repository.name}"
    with context.database.transaction() as connection:
        note_deleted(connection, repository.id, len(dag_ids))
        tell(connection, Event.DAGS_DELETING, repository, dag_ids=dag_ids)
        actor = removal.actor or "windlass"
        audited(connection, actor, Action.DAGS_DELETED, subject, dag_ids=dag_ids)


def _way_out(name: str) -> str:
    return f"or keep them: windlass repo remove {name} --keep-dags"


def _finish(context: Context, removal: Removal) -> None:
    repository = removal.repository
    with context.database.transaction() as connection:
        lock_claims(connection, repository)
        end_lease(connection, repository.id)
        claim(connection, repository, frozenset())
        claim_prefixes(connection, repository, ())
        record_wishes(connection, repository, {})
        reason = "the repository was removed"
        end_open_holds(connection, repository, reason=reason, actor="windlass")
        supersede_all(connection, repository, reason)
        if mark_removed(connection, repository.id):
            if (count := count_deleted(connection, repository.id)) is not None:
                tell(connection, Event.DAGS_DELETED, repository, count=count)
            tell(connection, Event.REPOSITORY_REMOVED, repository)
    mirror_of(context.mirrors, repository.id).delete()


def _free(context: Context, draining: DrainingBundle) -> None:
    """Let another repository have the bundle, once no run and no DAG refers to this one."""
    repository, place = draining.repository, (draining.environment, draining.bundle)
    waits_for = _active_runs(context, *place) or _shown_dags(context, *place)
    if waits_for:
        _wait(context, repository.id, f"{waits_for}, before {draining.bundle} is free again")
        return
    if not context.store.points_to(*place, None):
        project_pointer(context, *place)
    with context.database.transaction() as connection:
        note_removal(connection, repository.id, None)
        if free_bundle(connection, repository.id):
            tell(connection, Event.BUNDLE_FREED, repository, bundle=draining.bundle)


def _active_runs(context: Context, environment: str, bundle: str) -> str:
    """`2 runs: …`, the runs of a bundle that may still need its releases; "" for none, and where
    no Airflow is known. While it is away, it may have some."""
    airflow = context.airflows.get(environment)
    if airflow is None:
        return ""
    try:
        found = airflow.list_runs_of(bundle)
    except AppError as error:
        return f"an answer of Airflow ({error.code})"
    runs = [f"{dag_id} {run_id}" for dag_id, ids in found.items() for run_id in ids]
    return f"{len(runs)} run{'s' if len(runs) > 1 else ''}: {_some(runs)}" if runs else ""


def _shown_dags(context: Context, environment: str, bundle: str) -> str:
    """The DAGs that Airflow still shows for a bundle, in words; as `_active_runs`."""
    airflow = context.airflows.get(environment)
    if airflow is None:
        return ""
    try:
        dags = airflow.list_dags(bundle)
    except AppError as error:
        return f"nothing, for it does not answer ({error.code})"
    return _some([dag.dag_id for dag in dags])


def _some(words: list[str]) -> str:
    """The first three, and how many more there are."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _wait(context: Context, repository_id: RepositoryId, waits_for: str) -> None:
    """Note what there is to wait for; logged where it is news."""
    with context.database.transaction() as connection:
        is_news = note_removal(connection, repository_id, waits_for)
    if is_news:
        log.info(Event.REMOVAL_WAITS, repository_id=repository_id, waits_for=waits_for)
