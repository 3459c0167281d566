"""What people do to a repository's registration: change it, suspend, resume and remove it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.claims import claim_prefixes, count_claims, lock_claims
from windlass.database.credentials import has_own_credential
from windlass.database.deployments import find_bundle
from windlass.database.releases import find_current
from windlass.database.removals import DRAIN, begin_removal, wish_dags_deleted
from windlass.database.repositories import (
    NewRepository,
    change_repository,
    end_lease,
    get_repository,
    lock_repository,
    set_resumed,
    set_suspended,
)
from windlass.domain.audit import Action
from windlass.domain.errors import AppError, Conflict, Invalid, Problems, Unavailable
from windlass.domain.events import Event
from windlass.domain.options import OnRemoval
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.release import ReleaseId
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import (
    Repository,
    check_name,
    check_path,
    parse_interval,
)
from windlass.engine.audit import audited
from windlass.engine.context import Context, tell
from windlass.engine.ownership import check_owner
from windlass.engine.register import ask_remote, one_ref
from windlass.engine.workable import check_team, get_workable

MAX_RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a registration; None leaves it as it is. `refs` holds
    one at the most. `options` by name."""

    name: str | None = None
    namespace: str | None = None
    url: str | None = None
    refs: Mapping[RefKind, str] = field(default_factory=dict)
    path: str | None = None
    sync_interval: str | None = None
    credential: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What removing a repository will do. `runs` are active now, as `dag_id run_id`, at most
    MAX_RUNS_SHOWN; None: Airflow could not be asked, or is not known. `delete_dags`: what follows
    for them where nothing is said of it. `own_credential`: one goes along that only it uses."""

    name: str
    bundle: str | None
    release_id: ReleaseId | None
    dag_ids: int
    runs: tuple[str, ...] | None
    delete_dags: bool
    own_credential: bool


def change(context: Context, name: str, given: Change, *, actor: str) -> Repository:
    """Change a registration; its head is judged anew. Another remote or ref is asked first, so
    that nothing is stored that cannot work.

    Raises Invalid for what is wrong with the change, Conflict REPO010 for a name that is taken,
    REPO012 where the file owns the registration, REPO013 where it is being removed, REPO019 where
    somebody else changed its remote or ref at the same moment, REPO020 for another team,
    DEP008 for a prefix of dag_ids that are another repository's.
    """
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        check_owner(connection, repository)
        wanted = _changed(repository, given)
        remote = context.remote_of(connection, wanted)
    if _access(wanted) != _access(repository):
        ask_remote(remote)
    with context.database.transaction() as connection:
        if "dag_id_prefixes" in given.options:
            lock_claims(connection, repository)
        lock_repository(connection, repository.id)
        repository = get_workable(connection, name)  # asking the remote took its time
        check_owner(connection, repository)
        before, wanted = _registration(repository), _checked_again(repository, given, asked=wanted)
        check_team(connection, repository, wanted.options)
        new = _registration(wanted)
        changed = [one for one, value in asdict(before).items() if asdict(new)[one] != value]
        if not changed:
            return repository
        repository = change_repository(connection, repository.id, new)
        if "dag_id_prefixes" in given.options:
            claim_prefixes(connection, repository, new.options.dag_id_prefixes)
        tell(connection, Event.REPOSITORY_CHANGED, repository, actor=actor, changed=changed)
        subject = f"repository/{name}"
        sides = {"before": asdict(before), "after": asdict(new)}
        audited(connection, actor, Action.REPOSITORY_CHANGED, subject, **sides)
        context.jobs.defer_sync(connection, repository.id)
    return repository


def suspend(context: Context, name: str, *, reason: str, actor: str) -> None:
    """Stop polling and syncing a repository; what is live stays. Conflict REPO015 where it is
    suspended already."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        end_lease(connection, repository.id)
        if not set_suspended(connection, repository.id, actor, reason):
            raise Conflict(
                "REPO015",
                f"the repository {name!r} is suspended already",
                f"See since when: windlass repo show {name}",
            )
        tell(connection, Event.REPOSITORY_SUSPENDED, repository, actor=actor, reason=reason)
        subject = f"repository/{name}"
        audited(connection, actor, Action.REPOSITORY_SUSPENDED, subject, reason=reason)


def resume(context: Context, name: str, *, actor: str) -> None:
    """Poll and sync a suspended repository again, at once. Conflict REPO016 where it is not
    suspended."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        if not set_resumed(connection, repository.id):
            raise Conflict("REPO016", f"the repository {name!r} is not suspended")
        tell(connection, Event.REPOSITORY_RESUMED, repository, actor=actor)
        audited(connection, actor, Action.REPOSITORY_RESUMED, f"repository/{name}")
        context.jobs.defer_sync(connection, repository.id)


def plan_removal(context: Context, name: str) -> RemovalPlan:
    """What `remove` would do now; nothing is changed. Raises as `remove` does."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        check_owner(connection, repository)
        current = find_current(connection, repository.id)
        bundle = find_bundle(connection, repository.id)
        dag_ids = count_claims(connection, repository.id)
        own_credential = has_own_credential(connection, repository.id)
    runs = None
    airflow = context.airflows.get(repository.environment)
    if airflow is not None and bundle is not None:
        try:
            active = airflow.list_runs_of(bundle)
            every = [f"{dag_id} {run_id}" for dag_id, ids in active.items() for run_id in ids]
            runs = tuple(every[:MAX_RUNS_SHOWN])
        except AppError:
            runs = None
    release_id, deletes = current.id if current else None, deletes_dags(repository)
    return RemovalPlan(name, bundle, release_id, dag_ids, runs, deletes, own_credential)


def remove(
    context: Context,
    name: str,
    *,
    reason: str,
    actor: str,
    drain: timedelta | None = DRAIN,
    delete_dags: bool | None = None,
) -> None:
    """Begin to remove a repository: its DAGs leave Airflow, its history stays (docs/operating.md).

    Its runs get the time `drain` to end; None: no time. With `delete_dags` Airflow is made to
    forget its DAGs; None: as its option `on_removal` says. That may be changed while it is being
    removed. Raises Conflict REPO012 where the file owns it, REPO013 where it is being removed
    already, Invalid REPO023 and REPO024 where its DAGs cannot be deleted.
    """
    with context.database.transaction() as connection:
        repository = get_repository(connection, name)
    if delete_dags or (delete_dags is None and deletes_dags(repository)):
        _check_deletion(context, repository)
    with context.database.transaction() as connection:
        lock_repository(connection, get_repository(connection, name).id)
        if delete_dags is not None and _change_removal(
            connection, name, delete_dags, reason=reason, actor=actor
        ):
            return
        repository = get_workable(connection, name)
        check_owner(connection, repository)
        wished = deletes_dags(repository) if delete_dags is None else delete_dags
        begin_removal(
            connection, repository.id, actor, reason=reason, drain=drain, delete_dags=wished
        )
        facts: dict[str, Any] = {"reason": reason}
        if wished:
            facts["delete_dags"] = True
        tell(connection, Event.REPOSITORY_REMOVING, repository, actor=actor, **facts)
        audited(connection, actor, Action.REPOSITORY_REMOVED, f"repository/{name}", **facts)


def deletes_dags(repository: Repository) -> bool:
    """Whether removing it deletes its DAGs in Airflow, where nothing else is said."""
    return repository.options.on_removal is OnRemoval.DELETE_DAGS


def _check_deletion(context: Context, repository: Repository) -> None:
    """Refuse what would wait for ever: Invalid REPO023 where no Airflow is known, REPO024 where its
    user may not. An Airflow that does not answer now is waited for later."""
    airflow = context.airflows.get(repository.environment)
    if airflow is None:
        raise Invalid(
            "REPO023",
            f"no Airflow of the environment {repository.environment!r} can be asked to delete DAGs",
            f"Tell its address and user: windlass environment set {repository.environment} "
            "--airflow-url URL … Or leave out --delete-dags.",
        )
    with suppress(Unavailable):
        if not airflow.may_delete_dags():
            raise Invalid(
                "REPO024",
                f"the user {airflow.username!r} may not delete DAGs in Airflow",
                "Give it a role that may (user, of Airflow's own roles), or leave out "
                "--delete-dags: the DAGs are out of sight then, and their runs stay.",
            )


def _change_removal(
    connection: Connection, name: str, delete_dags: bool, *, reason: str, actor: str
) -> bool:
    """Change what becomes of the DAGs of a repository that is being removed already; False where
    that is no change."""
    repository = get_repository(connection, name)
    if not wish_dags_deleted(connection, repository.id, delete_dags):
        return False
    facts: dict[str, Any] = {"reason": reason, "delete_dags": delete_dags}
    tell(connection, Event.REPOSITORY_REMOVING, repository, actor=actor, **facts)
    audited(connection, actor, Action.REPOSITORY_REMOVAL_CHANGED, f"repository/{name}", **facts)
    return True


def _checked_again(repository: Repository, given: Change, *, asked: Repository) -> Repository:
    """What is to become of the repository as it is now; Conflict REPO019 where that is not what the
    remote was asked about."""
    wanted = _changed(repository, given)
    if _access(wanted) != _access(asked):
        raise Conflict(
            "REPO019",
            f"somebody else changed the repository {repository.name!r} at the same moment",
            f"Look at it, and ask again: windlass repo show {repository.name}",
        )
    return wanted


def _access(repository: Repository) -> tuple[str, Ref, str | None]:
    """What its remote is asked for, and by which credential."""
    return repository.url, repository.ref, repository.credential


def _changed(repository: Repository, given: Change) -> Repository:
    """The repository as it is to become; Invalid names everything that is wrong with it."""
    problems = Problems()
    checks: dict[str, Callable[[], Any]] = {
        "name": lambda: check_name("repository", given.name or ""),
        "namespace": lambda: check_name("namespace", given.namespace or ""),
        "url": lambda: str(parse_remote_url(given.url or "")),
        "path": lambda: check_path(given.path or ""),
        "sync_interval": lambda: int(parse_interval(given.sync_interval or "").total_seconds()),
        "credential": lambda: check_name("credential", given.credential or ""),
        "refs": lambda: one_ref(given.refs),
        "options": lambda: repository.options.changed(given.options),
    }
    asked = [one for one in checks if getattr(given, one) not in (None, {})]
    found: dict[str, Any] = {one: problems.take(checks[one]) for one in asked}
    problems.raise_all()
    columns = {"refs": "ref", "sync_interval": "sync_interval_s"}
    if "refs" in found:
        found["ref_choice"] = RefChoice.GIVEN
    return replace(repository, **{columns.get(one, one): value for one, value in found.items()})


def _registration(repository: Repository) -> NewRepository:
    return NewRepository(
        name=repository.name,
        namespace=repository.namespace,
        environment=repository.environment,
        url=repository.url,
        ref=repository.ref,
        path=repository.path,
        credential=repository.credential,
        sync_interval_s=repository.sync_interval_s,
        options=repository.options,
        owner=repository.owner,
        ref_choice=repository.ref_choice,
    )
