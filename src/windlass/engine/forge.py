"""The API of a repository's Git host: which it is, what it is shown, and its client."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection

from windlass.database.credentials import CredentialKind, StoredCredential, find_credential
from windlass.database.webhooks import list_webhooks
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Invalid
from windlass.domain.forge import ApiLogin
from windlass.domain.remote import parse_remote_url
from windlass.domain.repository import Repository
from windlass.domain.webhook import likely_kind
from windlass.engine.context import Context
from windlass.engine.login import unseal
from windlass.forges.clients.calling import Logins, Way
from windlass.forges.clients.client import ForgeClient
from windlass.forges.clients.open import SPOKEN, open_client, place_of
from windlass.git.access import BasicAuth

_NOT_FOR_APIS = {
    CredentialKind.SSH_KEY: "an ssh key",
    CredentialKind.DEPLOY_TOKEN: "a deploy token",
}
_AZURE = ("dev.azure.com", ".visualstudio.com")  # one service, whatever its names


@dataclass(frozen=True, slots=True)
class Asked:
    """A repository's host, with what its API is shown; nothing was asked yet. Holds a secret."""

    kind: ForgeKind
    host: str
    client: ForgeClient


def find_kind(connection: Connection, repository: Repository) -> ForgeKind | None:
    """The kind of Git host whose API has the repository: that of its webhook, else by the name of
    the host; None where nobody can tell, or Windlass speaks no such API."""
    kinds = [one.kind for one in list_webhooks(connection, repository.id) if one.kind in SPOKEN]
    if kinds:
        return kinds[0]
    try:
        found = likely_kind(repository.url)
    except Invalid:
        return None
    return found if found in SPOKEN else None


def has_api_login(connection: Connection, repository: Repository) -> bool:
    """Whether there is a credential that an API could be shown; not whether it is good."""
    name = repository.options.api_credential or repository.credential
    stored = find_credential(connection, name) if name else None
    return stored is not None and stored.kind not in _NOT_FOR_APIS


def ask_host(
    context: Context, connection: Connection, repository: Repository, kind: ForgeKind
) -> Asked:
    """The client of the repository's host. Raises Invalid FORGE010 and FORGE014 as
    `forges.clients.open` does, FORGE011 where there is no credential for the API, FORGE015 where
    that is for another host."""
    place = place_of(kind, parse_remote_url(repository.url), repository.options.api_url)
    name = repository.options.api_credential or repository.credential
    stored = find_credential(connection, name) if name else None
    if name is None or stored is None or stored.kind in _NOT_FOR_APIS:
        has = "no credential" if stored is None else _NOT_FOR_APIS[stored.kind]
        raise Invalid(
            "FORGE011",
            f"{repository.name!r} has {has}, and the API of its Git host asks for a token",
            "Store one, and name it: windlass credential add NAME; windlass repo set "
            f"{repository.name} -O api_credential=NAME",
        )
    _check_host(name, stored, place.api_url, repository)
    way = Way(context.network, context.allowed_hosts)
    host = urlsplit(place.api_url).hostname or ""
    return Asked(kind, host, open_client(kind, place, way, _logins(context, stored)))


def _check_host(name: str, stored: StoredCredential, api_url: str, repository: Repository) -> None:
    """A token goes to the host that it is for, and to the API before that, and nowhere else."""
    own = str(stored.options.get("host") or parse_remote_url(repository.url).host)
    host = urlsplit(api_url).hostname or ""
    is_azure = all(one == _AZURE[0] or one.endswith(_AZURE[1]) for one in (own, host))
    if host in (own, f"api.{own}") or is_azure:
        return
    raise Invalid(
        "FORGE015",
        f"the credential {name!r} is for {own}, and is not sent to the API at {host}",
        "Store another one for that host, and name it with the option api_credential.",
    )


def _logins(context: Context, stored: StoredCredential) -> Logins:
    """What the API is shown, opened when it is asked; those of GitHub Apps, and of other stores,
    are renewed where they are refused."""
    late = unseal(context.secrets, stored)
    is_password = stored.kind is CredentialKind.BASIC

    def shown(opened: Callable[[], object]) -> ApiLogin | None:
        auth = opened()
        if not isinstance(auth, BasicAuth):
            return None
        return ApiLogin(auth.username, auth.password, is_password)

    return lambda refused: shown(late.first if refused is None else late.other)
