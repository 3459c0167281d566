"""Stored credentials over HTTP: added, tried, rotated and removed, listed without their secrets."""

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Literal, Self, TypedDict

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from windlass.database.credentials import UsedCredential, list_credentials
from windlass.domain.errors import Invalid
from windlass.domain.login import Outline, Reference
from windlass.engine.connect import Login
from windlass.engine.connections import publish_login
from windlass.engine.context import Context
from windlass.engine.keys import rotate_key
from windlass.engine.stored_logins import (
    Tried,
    forget_login,
    keep_login,
    keep_reference,
    make_deploy_key,
    renew_deploy_key,
    rotate_login,
    try_login,
)
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.environments import LoginIn
from windlass.entrypoints.web.models import PROBLEMS, AuthIn, Line, Problem, Request
from windlass.entrypoints.web.parameters import Name


class ReferenceIn(Request):
    """A login whose secret stays in another store: `store` is vault, onepassword, aws or azure,
    `reference` what that calls it. `username` is the app's id of a GitHub App."""

    store: Line
    reference: Line
    kind: Literal["token", "basic", "deploy_token", "github_app", "ssh_key"] = "token"
    username: Line | None = None
    known_hosts: str | None = Field(None, max_length=65536)
    host_key: Line | None = None
    installation_id: Line | None = None
    api_url: Line | None = None

    @property
    def outline(self) -> Outline:
        return Outline(**self.model_dump(exclude={"store", "reference"}))


class CredentialIn(Request):
    """A login to store under a name, as `auth` with its secret or as `stored_in` without. `url` is
    a repository that it opens, which is tried; it is never sent to another host. `expires_on` is
    told beforehand, and changes nothing else."""

    name: Line
    url: Line
    auth: AuthIn | None = None
    stored_in: ReferenceIn | None = None
    expires_on: date | None = None
    replace: bool = False


class DeployKeyIn(Request):
    """An ssh key to make and store under a name, for the host of `url`; how the host is known is as
    in `auth`."""

    name: Line
    url: Line
    known_hosts: str | None = Field(None, max_length=65536)
    host_key: Line | None = None


class RenewalIn(Request):
    """How long the key before is used where the host does not know the new one."""

    keep_old_h: Annotated[int, Field(ge=1, le=720)] = 168


class RotationIn(Request):
    """The secret that takes the place of the stored one, which is tried for `keep_old_h` hours more
    where the new one is refused."""

    auth: AuthIn
    expires_on: date | None = None
    keep_old_h: Annotated[int, Field(ge=0, le=720)] = 24


class TestIn(Request):
    """Where to try a credential; left out: at every repository that uses it."""

    url: Line | None = None


class CredentialOut(BaseModel):
    """A stored credential without its secret; `used_by` as in `repository/dags`. `changed_at` is
    when the secret was stored; the one before it may be used until `previous_until`. `lies_in` is
    where the secret is, where that is another store, as `vault secret/git#token`."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: str
    username: str
    host: str | None
    public_key: str | None
    fingerprint: str | None
    created_at: datetime
    changed_at: datetime
    expires_on: date | None
    previous_until: datetime | None
    lies_in: str | None
    used_by: list[str]

    @classmethod
    def of(cls, stored: UsedCredential) -> Self:
        return cls.model_validate(stored)


class TriedOut(BaseModel):
    """Whether a credential lets git read at a URL; `problem` says why it does not."""

    url: str
    repository: str | None
    problem: Problem | None

    @classmethod
    def of(cls, tried: Tried) -> Self:
        error = tried.error
        problem = error and Problem(code=error.code, message=error.message, hint=error.hint)
        return cls(url=tried.url, repository=tried.repository, problem=problem)


class _Rest(TypedDict):
    replace: bool
    actor: str
    expires_on: date | None


class KeyRotationIn(Request):
    """What to do with the keys that encrypt credentials. Without `new_key` the first one of the
    file is used; `drop_old` keeps no other."""

    new_key: bool = True
    drop_old: bool = False


class KeyRotationOut(BaseModel):
    """How many secrets are under the newest key now, and how many keys went and stayed."""

    model_config = ConfigDict(from_attributes=True)

    secrets: int
    forgotten: int
    kept: int


class ConnectionIn(Request):
    """Who writes the connection in Airflow; left out: the user of the environment. It is used for
    this alone. `known_hosts_file` is a path on Airflow's hosts, for ssh."""

    login: LoginIn | None = None
    known_hosts_file: Line | None = None


class ConnectionOut(BaseModel):
    """The connection of Airflow that holds the login now."""

    model_config = ConfigDict(from_attributes=True)

    connection_id: str
    environment: str
    is_new: bool


def _store(context: Context, given: CredentialIn, actor: str) -> None:
    rest: _Rest = {"replace": given.replace, "actor": actor, "expires_on": given.expires_on}
    if given.auth is not None and given.stored_in is None:
        keep_login(context, given.name, given.url, given.auth.login(), **rest)
    elif given.stored_in is not None and given.auth is None:
        at = Reference(given.stored_in.store, given.stored_in.reference)
        login_of = given.stored_in.outline.login
        keep_reference(context, given.name, given.url, at, login_of, **rest)
    else:
        raise Invalid("CRED046", "one of auth and stored_in is given, and no more")


def credentials_router(context: Context, token: str) -> APIRouter:
    """The endpoints below /api/v1/credentials."""
    router = APIRouter(
        prefix="/api/v1/credentials",
        tags=["credentials"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    def listing() -> list[CredentialOut]:
        with context.database.transaction() as connection:
            return [CredentialOut.of(one) for one in list_credentials(connection)]

    def shown(name: str) -> CredentialOut:
        return next(one for one in listing() if one.name == name)

    @router.get("")
    def credentials() -> list[CredentialOut]:
        """All credentials, by name, with what uses them."""
        return listing()

    @router.post("", status_code=HTTPStatus.CREATED)
    def add(given: CredentialIn, actor: Actor) -> CredentialOut:
        """Store a credential, once it opened the repository that is named."""
        _store(context, given, actor)
        return shown(given.name)

    @router.post("/deploy-keys", status_code=HTTPStatus.CREATED)
    def deploy_key(given: DeployKeyIn, actor: Actor) -> CredentialOut:
        """Make an ssh key and store it; its public half is for the Git host."""
        make_deploy_key(
            context,
            given.name,
            given.url,
            known_hosts=given.known_hosts,
            host_key=given.host_key,
            actor=actor,
        )
        return shown(given.name)

    @router.post("/{name}/test")
    def test(name: Name, given: TestIn) -> list[TriedOut]:
        """Ask the Git host with a credential, wherever it is used; nothing is changed."""
        return [TriedOut.of(one) for one in try_login(context, name, given.url)]

    @router.post("/{name}/rotate")
    def rotate(name: Name, given: RotationIn, actor: Actor) -> CredentialOut:
        """Put another secret in the place of the stored one, once it opens all that uses it."""
        rotate_login(
            context,
            name,
            given.auth.login(),
            keep=timedelta(hours=given.keep_old_h),
            actor=actor,
            expires_on=given.expires_on,
        )
        return shown(name)

    @router.post("/{name}/renew-key")
    def renew(name: Name, given: RenewalIn, actor: Actor) -> CredentialOut:
        """Make another ssh key in the place of a stored one; its public half is for the host."""
        renew_deploy_key(context, name, keep=timedelta(hours=given.keep_old_h), actor=actor)
        return shown(name)

    @router.delete("/{name}")
    def remove(name: Name, actor: Actor) -> list[CredentialOut]:
        """Forget a credential that nothing uses; those that are left."""
        forget_login(context, name, actor=actor)
        return listing()

    return router


def connections_router(context: Context, token: str) -> APIRouter:
    """The endpoint that gives a repository's login to its Airflow."""
    router = APIRouter(
        prefix="/api/v1/repositories",
        tags=["credentials"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.post("/{name}/connection")
    def publish(name: Name, given: ConnectionIn, actor: Actor) -> ConnectionOut:
        """Write the login of a repository as a connection of its Airflow, of the type git."""
        user = None
        if given.login is not None:
            user = Login(given.login.username, given.login.password.get_secret_value())
        published = publish_login(
            context,
            name,
            as_user=user,
            known_hosts_file=given.known_hosts_file,
            actor=actor,
        )
        return ConnectionOut.model_validate(published)

    return router


def keys_router(context: Context, token: str) -> APIRouter:
    """The endpoint that rotates the keys which encrypt credentials."""
    router = APIRouter(
        prefix="/api/v1/keys",
        tags=["credentials"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.post("/rotate")
    def rotate(given: KeyRotationIn, actor: Actor) -> KeyRotationOut:
        """Put every stored secret under a new key, while all runs."""
        rotated = rotate_key(context, new_key=given.new_key, drop_old=given.drop_old, actor=actor)
        return KeyRotationOut.model_validate(rotated)

    return router
