"""What people ask Windlass to do: add a repository, sync it, roll it back. CLI and API both call
these; nothing here waits for the work itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from windlass.database.credentials import StoredCredential, put_credential
from windlass.database.releases import find_current, find_rollback_target, get_release
from windlass.database.repositories import NewRepository, add_repository, get_repository
from windlass.domain.errors import Conflict, Invalid, join
from windlass.domain.events import Event
from windlass.domain.release import ReleaseId
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import (
    Repository,
    check_branch,
    check_name,
    check_path,
    parse_interval,
    suggest_name,
)
from windlass.engine.context import Context, tell
from windlass.git.process import BasicAuth
from windlass.git.remotes import Remote, find_head

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Registration:
    """A repository as people give it; None means the default."""

    url: str
    environment: str
    sync_interval: str
    name: str | None = None
    namespace: str | None = None
    branch: str = "main"
    path: str = "."
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def add(context: Context, given: Registration, *, actor: str) -> Repository:
    """Register a repository after asking its remote for the branch, so that nothing is stored
    that cannot work. Raises Invalid for what is wrong with it, Conflict REPO010 for a name that is
    taken, Unavailable where the host is away. The first sync follows at once."""
    new = _checked(given)
    auth = BasicAuth(given.username or "", given.password) if given.password else None
    find_head(Remote(new.url, new.branch, auth, context.allowed_hosts))
    with context.database.transaction() as connection:
        if auth:
            ciphertext = context.keyring.encrypt(auth.password)
            put_credential(connection, new.name, StoredCredential(auth.username, ciphertext))
        repository = add_repository(connection, new)
        tell(connection, Event.REPOSITORY_ADDED, repository, actor=actor, url=new.url)
        context.jobs.defer_sync(connection, repository.id)
    return repository


def _checked(given: Registration) -> NewRepository:
    """The registration with its defaults; Invalid names everything that is wrong with it."""
    problems: list[Invalid] = []

    def take(check: Callable[[], _T]) -> _T | None:
        try:
            return check()
        except Invalid as problem:
            problems.append(problem)
            return None

    url = take(lambda: str(parse_remote_url(given.url)))
    name = take(lambda: check_name("repository", given.name or suggest_name(url or "")))
    namespace = take(lambda: check_name("namespace", given.namespace or name or "unnamed"))
    branch = take(lambda: check_branch(given.branch))
    path = take(lambda: check_path(given.path))
    interval = take(lambda: parse_interval(given.sync_interval))
    if url and name and namespace and branch and path and interval:
        return NewRepository(
            name=name,
            namespace=namespace,
            environment=given.environment,
            url=url,
            branch=branch,
            path=path,
            credential=name if given.password else None,
            sync_interval_s=int(interval.total_seconds()),
        )
    raise join(problems)


def request_sync(context: Context, name: str) -> bool:
    """Ask for a sync now; False where one is waiting already."""
    with context.database.transaction() as connection:
        repository = get_repository(connection, name)
        return context.jobs.defer_sync(connection, repository.id)


def request_rollback(
    context: Context, name: str, to: ReleaseId | None, *, actor: str, reason: str
) -> ReleaseId:
    """Ask for a rollback and return the release whose content will come back.

    `to` None means the newest earlier release with other content. Raises Conflict REL004 where
    there is none or the current release has that content, REL006 where a rollback waits already,
    NotFound REL001 for an unknown one.
    """
    with context.database.transaction() as connection:
        repository = get_repository(connection, name)
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
        if target.artifact_digest == current.artifact_digest:
            raise Conflict(
                "REL004", f"release #{current.id} has the content of #{target.id} already"
            )
        if not context.jobs.defer_rollback(
            connection, repository.id, to=target.id, bad=current.id, actor=actor, reason=reason
        ):
            raise Conflict(
                "REL006",
                f"a rollback of {name!r} is waiting already",
                f"See how far it is: windlass repo show {name}",
            )
    return target.id
