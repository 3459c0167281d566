"""Applies the declarative file: reads it, plans, and makes what is registered equal to it.

A file that is wrong changes nothing: what runs stays as the last good one said.
"""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Connection

from windlass.compiler.declaration import (
    DEFAULT_INTERVAL_S,
    Declaration,
    DeclaredRepository,
    Surroundings,
    check_credentials,
    read_declaration,
)
from windlass.compiler.declaration_plan import Act, Plan, Step, make_plan
from windlass.compiler.reading import Reading
from windlass.database.claims import claim_prefixes, lock_claims
from windlass.database.credentials import known_credentials
from windlass.database.declarations import (
    claim_declaration,
    find_declaration,
    lock_registrations,
    record_applied,
    record_refused,
)
from windlass.database.environments import (
    disown_environment,
    list_environments,
    put_environment,
)
from windlass.database.installations import ask_refused_again
from windlass.database.policies import list_policies
from windlass.database.removals import begin_removal
from windlass.database.repositories import (
    NewRepository,
    add_repository,
    change_repository,
    get_repository,
    list_repositories,
)
from windlass.domain.audit import Action
from windlass.domain.digest import digest_bytes
from windlass.domain.environment import Environment
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.events import Event
from windlass.domain.finding import Finding
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.repository import Owner, Repository
from windlass.engine.audit import audited
from windlass.engine.context import Context, log, tell
from windlass.engine.lifecycle import deletes_dags
from windlass.engine.policies import write_policy
from windlass.engine.tick import project_environments
from windlass.engine.workable import check_team

MAIN = Ref(RefKind.BRANCH, "main")
AGAIN_AFTER = timedelta(seconds=30)
"""A refused file is tried again: its credential may have been added meanwhile."""


@dataclass(frozen=True, slots=True)
class FileRules:
    """How the file is read: variables it may name, the interval where it gives none, and whether
    it may remove as many repositories as it wants."""

    variables: Mapping[str, str] = field(default_factory=dict)
    sync_interval_s: int = DEFAULT_INTERVAL_S
    may_remove: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a look at the file: the steps that were done, or why none was."""

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...]


def apply_file(context: Context, path: str, content: bytes, rules: FileRules) -> Outcome | None:
    """Make what is registered equal to a file; None where nothing was to do, or where another
    worker does it. Doing it twice changes nothing.

    What is there is compared and changed in one transaction, in which nobody else changes it: all
    of the file comes to be in force, or nothing of it.
    """
    with context.database.transaction() as connection:
        declared, findings = _read(connection, path, content, rules)
        digest = digest_bytes(content + repr((declared, findings)).encode())
        if not claim_declaration(connection, path, digest, again_after=AGAIN_AFTER):
            return None
    if declared is None:
        return _refuse(context, path, digest, findings)
    done: list[Step] = []
    plan = Plan((), ())
    try:
        with context.database.transaction() as connection:
            is_mine = lock_registrations(connection, digest)
            if not is_mine or _read(connection, path, content, rules)[0] != declared:
                return None  # a newer file was seen, or an environment changed: the next look does
            plan = _plan(connection, path, digest, declared, rules)
            if not plan.findings:
                for step in plan.steps:
                    _do(context, connection, path, declared, step)
                    done.append(step)
                _record(connection, path, content, digest=digest, declared=declared, plan=plan)
    except Conflict as error:  # a name was taken at the same moment
        return _refuse(context, path, digest, _stuck(path, declared, plan.steps[len(done)], error))
    if plan.findings:
        return _refuse(context, path, digest, plan.findings)
    if any(step.kind == "environment" for step in plan.steps):
        project_environments(context)
    log.info(Event.DECLARATION_APPLIED, file=path, changes=len(plan.steps))
    return Outcome(plan.steps, ())


def refuse_file(context: Context, path: str, problem: Invalid) -> None:
    """Note that the file cannot be read at all; the same again is noted once."""
    reading = Reading(path)
    reading.refuse_as(problem, None)
    digest = digest_bytes(str(problem).encode())
    with context.database.transaction() as connection:
        if not claim_declaration(connection, path, digest, again_after=timedelta(days=1)):
            return
    _refuse(context, path, digest, tuple(reading.findings))


def _read(
    connection: Connection, path: str, content: bytes, rules: FileRules
) -> tuple[Declaration | None, tuple[Finding, ...]]:
    theirs = [one for one in list_environments(connection) if one.owner is not Owner.FILE]
    around = Surroundings(rules.variables, tuple(theirs), rules.sync_interval_s)
    return read_declaration(path, content, around)


def _plan(
    connection: Connection, path: str, digest: str, declared: Declaration, rules: FileRules
) -> Plan:
    wrong = check_credentials(path, declared, known_credentials(connection))
    stored = find_declaration(connection)
    plan = make_plan(
        path,
        declared,
        list_environments(connection),
        list_repositories(connection),
        list_policies(connection),
        adopted=stored.adopted if stored else (),
        may_remove=rules.may_remove or bool(stored and stored.removals_allowed == digest),
    )
    return Plan(() if wrong else plan.steps, (*wrong, *plan.findings))


def _do(
    context: Context, connection: Connection, path: str, declared: Declaration, step: Step
) -> None:
    if step.kind == "environment":
        environments = {one.name: one for one in declared.environments}
        _do_environment(connection, path, step, environments.get(step.name))
    elif step.kind == "policy":
        policies = {one.name: one for one in declared.policies}
        write_policy(connection, step.name, policies.get(step.name), Owner.FILE, actor=path)
    else:
        repositories = {one.name: one for one in declared.repositories}
        _do_repository(context, connection, path, step, repositories.get(step.name))


def _do_environment(
    connection: Connection, path: str, step: Step, wanted: Environment | None
) -> None:
    """`wanted` None: the file does not declare it any more."""
    old = {one.name: one for one in list_environments(connection)}.get(step.name)
    if wanted is not None:
        new = wanted
        put_environment(connection, new, str(uuid.uuid4()))
        ask_refused_again(connection, new.name)  # its address may be another one now
    else:
        assert old is not None
        new = replace(old, owner=Owner.API)
        disown_environment(connection, step.name)
    is_new = step.act is Act.ADD
    audited(
        connection,
        path,
        Action.ENVIRONMENT_ADDED if is_new else Action.ENVIRONMENT_CHANGED,
        f"environment/{step.name}",
        before=asdict(old) if old else None,
        after=asdict(new),
    )


def _do_repository(
    context: Context,
    connection: Connection,
    path: str,
    step: Step,
    wanted: DeclaredRepository | None,
) -> None:
    subject = f"repository/{step.name}"
    if step.act is Act.ADD and wanted is not None:
        new = _registration(wanted, None)
        repository = add_repository(connection, new)
        if new.options.dag_id_prefixes:
            lock_claims(connection, repository)
            claim_prefixes(connection, repository, new.options.dag_id_prefixes)
        tell(connection, Event.REPOSITORY_ADDED, repository, actor=path, url=new.url)
        audited(connection, path, Action.REPOSITORY_ADDED, subject, after=asdict(new))
        context.jobs.defer_sync(connection, repository.id)
        return
    repository = get_repository(connection, step.name)
    if wanted is not None:
        check_team(connection, repository, wanted.options)
        new = _registration(wanted, repository)
        if new.options.dag_id_prefixes != repository.options.dag_id_prefixes:
            lock_claims(connection, repository)
            claim_prefixes(connection, repository, new.options.dag_id_prefixes)
        change_repository(connection, repository.id, new)
        what = list(step.changed)
        tell(connection, Event.REPOSITORY_CHANGED, repository, actor=path, changed=what)
        before, after = _comparable(repository, new), asdict(new)
        audited(connection, path, Action.REPOSITORY_CHANGED, subject, before=before, after=after)
        return
    reason = f"it is not in {path} any more"
    wished = deletes_dags(repository)
    if begin_removal(connection, repository.id, path, reason=reason, delete_dags=wished):
        facts: dict[str, Any] = {"delete_dags": True} if wished else {}
        tell(connection, Event.REPOSITORY_REMOVING, repository, actor=path, **facts)
        audited(connection, path, Action.REPOSITORY_REMOVED, subject, **facts)


def _registration(wanted: DeclaredRepository, there: Repository | None) -> NewRepository:
    """What the file says of a repository. Where it names no ref, the one that was chosen `there`
    stays; else the fetch chooses."""
    ref, choice = wanted.ref or MAIN, RefChoice.GIVEN if wanted.ref else RefChoice.MAIN
    if wanted.ref is None and there and there.ref_choice is not RefChoice.GIVEN:
        ref, choice = there.ref, there.ref_choice
    return NewRepository(
        name=wanted.name,
        namespace=wanted.namespace,
        environment=wanted.environment,
        url=wanted.url,
        ref=ref,
        ref_choice=choice,
        path=wanted.path,
        credential=wanted.credential,
        sync_interval_s=wanted.sync_interval_s,
        options=wanted.options,
        owner=Owner.FILE,
    )


def _comparable(repository: Repository, new: NewRepository) -> dict[str, object]:
    """What the repository has of what a registration says."""
    old = asdict(repository)
    return {name: old[name] for name in asdict(new)}


def _refuse(context: Context, path: str, digest: str, findings: tuple[Finding, ...]) -> Outcome:
    with context.database.transaction() as connection:
        stored = find_declaration(connection)
        record_refused(connection, digest, findings)
    if stored is None or stored.findings != findings:
        log.warning(
            Event.DECLARATION_REFUSED,
            file=path,
            problems=len(findings),
            first=f"{findings[0].place} {findings[0].code} {findings[0].message}",
        )
    return Outcome((), findings)


def _stuck(path: str, declared: Declaration, step: Step, error: Conflict) -> tuple[Finding, ...]:
    """What kept a step from being done, at its place in the file."""
    places = {one.name: one.place for one in declared.repositories}
    reading = Reading(path)
    reading.refuse_as(error, places.get(step.name) if step.kind == "repository" else None)
    return tuple(reading.findings)


def _record(
    connection: Connection,
    path: str,
    content: bytes,
    *,
    digest: str,
    declared: Declaration,
    plan: Plan,
) -> None:
    places = {
        one.name: f"{path}:{one.place.line}:{one.place.column}" for one in declared.repositories
    }
    record_applied(connection, digest, content.decode("utf-8-sig"), places)
    if plan.steps:
        audited(
            connection,
            path,
            Action.CONFIGURATION_APPLIED,
            f"configuration/{path}",
            steps=[str(step) for step in plan.steps],
            digest=digest,
        )
