"""What people ask Windlass to do: add a repository, sync it, roll it back. CLI and API both call
these; nothing here waits for the work itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy.engine import Connection

from windlass.database.approvals import forget_expired
from windlass.database.claims import claim_prefixes, lock_claims
from windlass.database.credentials import put_credential
from windlass.database.environments import get_environment
from windlass.database.releases import find_current, find_rollback_target, get_release, was_deployed
from windlass.database.repositories import NewRepository, add_repository, unsettle
from windlass.domain.audit import Action
from windlass.domain.environment import Environment
from windlass.domain.errors import Conflict, Invalid, Problems
from windlass.domain.events import Event
from windlass.domain.login import Login
from windlass.domain.options import DEFAULTS, Options
from windlass.domain.ref import CommitSha, Ref, RefChoice, RefKind, check_ref
from windlass.domain.release import ReleaseId
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import (
    Repository,
    check_name,
    check_path,
    parse_interval,
    suggest_name,
)
from windlass.engine.audit import audited
from windlass.engine.context import Context, tell
from windlass.engine.expect import ask_for
from windlass.engine.holds import hold_with
from windlass.engine.login import auth_of, seal, settled, stored_auth
from windlass.engine.rejudge import denial_today, refuse
from windlass.engine.rollback import check_not_quarantined
from windlass.engine.workable import check_team_exists, get_workable
from windlass.git.access import Auth, Remote
from windlass.git.remotes import check_commit, choose_branch, find_head


@dataclass(frozen=True, slots=True)
class Registration:
    """A repository as people give it; None means the default. At most one of the four refs is
    given; without any it is main, or the branch that the remote's HEAD names where it has no main.
    `login` is stored for this repository; `credential` names one that is stored already. `options`
    by name."""

    url: str
    environment: str
    sync_interval: str
    name: str | None = None
    namespace: str | None = None
    branch: str | None = None
    tag: str | None = None
    tag_pattern: str | None = None
    commit: str | None = None
    path: str = "."
    login: Login | None = None
    credential: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def add(context: Context, given: Registration, *, actor: str) -> Repository:
    """Register a repository after asking its remote for the ref, so that nothing is stored that
    cannot work. Raises Invalid for what is wrong with it, Conflict REPO010 for a name that is
    taken, NotFound ENV002, DEP008 for a prefix of dag_ids that are
    another repository's, GIT019 for an ssh host whose key nobody vouched for, Unavailable where
    the host is away. The first sync follows at once, by the options that were given."""
    with context.database.transaction() as connection:
        new, auth = _checked(context, connection, given)
    login = given.login
    if login:
        login = settled(login, parse_remote_url(new.url), context.boundary, context.secrets)
        auth = auth_of(login, context.secrets)
    remote = Remote(new.url, new.ref, auth, context.boundary)
    ref, choice = ask_remote(remote, new.ref_choice)
    new = replace(new, ref=ref, ref_choice=choice)
    with context.database.transaction() as connection:
        _stored_auth(context, connection, given, new.url)  # asking the remote took its time
        if login:
            sealed = seal(context.keyring, login, parse_remote_url(new.url))
            put_credential(connection, new.name, sealed)
        repository = add_repository(connection, new)
        if new.options.dag_id_prefixes:
            lock_claims(connection, repository)
            claim_prefixes(connection, repository, new.options.dag_id_prefixes)
        tell(connection, Event.REPOSITORY_ADDED, repository, actor=actor, url=new.url)
        subject = f"repository/{new.name}"
        audited(connection, actor, Action.REPOSITORY_ADDED, subject, after=asdict(new))
        context.jobs.defer_sync(connection, repository.id)
    return repository


def ask_remote(remote: Remote, choice: RefChoice = RefChoice.GIVEN) -> tuple[Ref, RefChoice]:
    """The ref, once the remote has it, and why it is that; raises as `find_head` and `check_commit`
    do. One that nobody gave is chosen here."""
    if remote.ref.kind is RefKind.COMMIT:
        check_commit(remote)
        return remote.ref, choice
    ref = remote.ref
    if choice is not RefChoice.GIVEN:
        ref, choice = choose_branch(remote)
    find_head(replace(remote, ref=ref))
    return ref, choice


def _checked(
    context: Context, connection: Connection, given: Registration
) -> tuple[NewRepository, Auth | None]:
    """The registration with its defaults, and what its stored credential lets in with; Invalid
    names everything that is wrong with it."""
    environment = get_environment(connection, given.environment)
    problems = Problems()
    take = problems.take
    url = take(lambda: str(parse_remote_url(given.url)))
    name = take(lambda: check_name("repository", given.name or suggest_name(url or "")))
    namespace = take(lambda: check_name("namespace", given.namespace or name or "unnamed"))
    ref = take(lambda: one_ref(_refs(given)))
    path = take(lambda: check_path(given.path))
    interval = take(lambda: parse_interval(given.sync_interval))
    options = take(lambda: _options(environment, given.options))
    auth = take(lambda: _stored_auth(context, connection, given, url)) if url else None
    problems.raise_all()
    assert url and name and namespace and ref  # noqa: PT018  # raise_all has seen to all of them
    assert path and interval and options  # noqa: PT018
    new = NewRepository(
        name=name,
        namespace=namespace,
        environment=given.environment,
        url=url,
        ref=ref,
        path=path,
        credential=name if given.login else given.credential,
        sync_interval_s=int(interval.total_seconds()),
        options=options,
        ref_choice=RefChoice.GIVEN if _refs(given) else RefChoice.MAIN,
    )
    return new, auth


def _options(environment: Environment, given: Mapping[str, Any]) -> Options:
    """What was chosen, above what the environment says; `new_dags` is looked up there later."""
    options = replace(DEFAULTS, verdict_mode=environment.verdict_mode).changed(given)
    check_team_exists(environment, options)
    return options


def _stored_auth(
    context: Context, connection: Connection, given: Registration, url: str
) -> Auth | None:
    if given.credential is None:
        return None
    if given.login is not None:
        message = "a login and the name of a stored credential were given"
        raise Invalid("CRED024", message, "Give one of them.")
    return stored_auth(connection, context.secrets, given.credential, parse_remote_url(url))


def _refs(given: Registration) -> dict[RefKind, str]:
    every = {
        RefKind.BRANCH: given.branch,
        RefKind.TAG: given.tag,
        RefKind.TAG_PATTERN: given.tag_pattern,
        RefKind.COMMIT: given.commit,
    }
    return {kind: name for kind, name in every.items() if name is not None}


def one_ref(refs: Mapping[RefKind, str]) -> Ref:
    """The one ref that is given, by default the branch main; Invalid REPO005 where there are
    several, and what `check_ref` raises."""
    if len(refs) > 1:
        raise Invalid(
            "REPO005",
            f"a repository follows one ref, and {' and '.join(refs)} were given",
            "Give one of branch, tag, tag pattern and commit.",
        )
    return check_ref(*next(iter(refs.items()), (RefKind.BRANCH, "main")))


def request_sync(context: Context, name: str, revision: str | None = None) -> bool:
    """Ask for a sync now, of a commit that may not be visible yet where one is named; what waited
    for approval and expired is asked about again. Raises as `ask_for` does, and Invalid REPO003 for
    what is no commit."""
    sha = None if revision is None else CommitSha(check_ref(RefKind.COMMIT, revision).name)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        if forget_expired(connection, repository.id):
            unsettle(connection, repository.id)
        return ask_for(context, connection, repository, sha)


def request_rollback(
    context: Context,
    name: str,
    to: ReleaseId | None,
    *,
    actor: str,
    reason: str,
    hold: bool = False,
    override: bool = False,
) -> ReleaseId:
    """Ask for a rollback and return the release whose content will come back.

    `to` None means the newest earlier release with other content. With `hold` the repository is
    held from now on, unless a person holds it already. Raises Conflict REL004 where there is none
    or the current release has that content, REL003 for quarantined content, REL006 where a rollback
    waits already, REL014 for a release that was never deployed, NotFound REL001 for an unknown one;
    REL017 for content that would be denied today, unless `override` says to go back all the same,
    and REL018 where nobody may.
    """
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        current = find_current(connection, repository.id)
        if current is None:
            raise Conflict("REL004", f"{name!r} has no release yet, so none to go back from")
        target = (
            find_rollback_target(connection, current)
            if to is None
            else get_release(connection, repository.id, to)
        )
        if target is None:
            raise Conflict(
                "REL004",
                f"{name!r} has no earlier release with other content than #{current.id}",
                "Push the commit that you want deployed.",
            )
        if not was_deployed(connection, target.id):
            raise Conflict(
                "REL014",
                f"release #{target.id} of {name!r} was never deployed, so nothing goes back to it",
                f"Approve it, if it waits for that: windlass release list {name}",
            )
        if target.artifact_digest == current.artifact_digest:
            raise Conflict(
                "REL004",
                f"release #{current.id} is deployed already"
                if target.id == current.id
                else f"release #{current.id} has the content of #{target.id} already",
            )
        check_not_quarantined(connection, repository, target)
        denial = denial_today(connection, context, repository, target, current)
        refuse(denial, name, target, override=override)
        if not context.jobs.defer_rollback(
            connection, repository.id, to=target.id, bad=current.id, actor=actor, reason=reason
        ):
            raise Conflict(
                "REL006",
                f"a rollback of {name!r} is waiting already",
                f"See how far it is: windlass repo show {name}",
            )
        audited(
            connection,
            actor,
            Action.RELEASE_ROLLBACK_ASKED,
            f"repository/{name}",
            before={"release": current.id},
            after={
                "content_of": target.id,
                **({"overridden": denial.words} if denial.findings else {}),
            },
            reason=reason,
        )
        if hold:
            hold_with(connection, repository, reason=reason, actor=actor)
    return target.id
