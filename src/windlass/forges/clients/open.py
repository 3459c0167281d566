"""From a repository's URL to the client of its host's API."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from windlass.domain.alias import alias_of
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Invalid
from windlass.domain.remote import DEFAULT_PORTS, RemoteUrl
from windlass.forges.clients.azure_devops import AzureDevOps
from windlass.forges.clients.bitbucket import Bitbucket
from windlass.forges.clients.bitbucket_server import BitbucketServer
from windlass.forges.clients.calling import Logins, Way
from windlass.forges.clients.client import ForgeClient, Place
from windlass.forges.clients.gitea import Gitea
from windlass.forges.clients.github import GitHub
from windlass.forges.clients.gitlab import GitLab

_CLIENTS: dict[ForgeKind, Callable[[Place, Way, Logins], ForgeClient]] = {
    ForgeKind.GITHUB: GitHub,
    ForgeKind.GITLAB: GitLab,
    ForgeKind.BITBUCKET: Bitbucket,
    ForgeKind.BITBUCKET_SERVER: BitbucketServer,
    ForgeKind.GITEA: Gitea,
    ForgeKind.AZURE_DEVOPS: AzureDevOps,
}
SPOKEN = frozenset(_CLIENTS)
"""The kinds whose API Windlass speaks."""
_BELOW = {
    ForgeKind.GITHUB: "/api/v3",
    ForgeKind.GITLAB: "/api/v4",
    ForgeKind.BITBUCKET_SERVER: "/rest",
    ForgeKind.GITEA: "/api/v1",
}


def open_client(kind: ForgeKind, place: Place, way: Way, logins: Logins) -> ForgeClient:
    """The client of a host's API; nothing is asked yet. Invalid FORGE010 where it has none that
    Windlass speaks."""
    if kind not in _CLIENTS:
        raise Invalid(
            "FORGE010",
            f"Windlass speaks no API of Git hosts of the kind {kind}",
            f"There are: {', '.join(sorted(_CLIENTS))}. Fill in the host's form by hand.",
        )
    return _CLIENTS[kind](place, way, logins)


def place_of(kind: ForgeKind, url: RemoteUrl, api_url: str | None = None) -> Place:
    """Where the API is that has the repository at a URL; `api_url` is where somebody says it is.
    Invalid FORGE014 for a URL that names no repository of such a host.

    >>> from windlass.domain.remote import parse_remote_url
    >>> place_of(ForgeKind.GITHUB, parse_remote_url("git@github.com:team/dags.git")).api_url
    'https://api.github.com'
    >>> place_of(
    ...     ForgeKind.BITBUCKET_SERVER, parse_remote_url("https://g.example/x/scm/t/dags")
    ... ).path
    't/dags'
    """
    alias = alias_of(str(url))
    host, _, _ = (alias or "").partition("/")
    path, above = _path(kind, url, alias or "")
    if not host or path.count("/") < (2 if kind is ForgeKind.AZURE_DEVOPS else 1):
        raise Invalid(
            "FORGE014",
            f"{url} does not name a repository as hosts of the kind {kind} do",
            "Is the kind of its webhook right? See windlass webhook list.",
        )
    root = f"{_root(url, host)}{above}"
    known = {
        ForgeKind.BITBUCKET: "https://api.bitbucket.org/2.0",
        ForgeKind.AZURE_DEVOPS: "https://dev.azure.com",
    }
    own = known.get(kind) or _github(kind, host) or root + _BELOW.get(kind, "")
    return Place((api_url or own).rstrip("/"), path, f"{root}/{path}")


def _github(kind: ForgeKind, host: str) -> str | None:
    """Where GitHub's own cloud has its API (docs.github.com, "About data residency")."""
    if kind is not ForgeKind.GITHUB:
        return None
    is_cloud = host == "github.com" or host.endswith(".ghe.com")
    return f"https://api.{host}" if is_cloud else None


def _root(url: RemoteUrl, host: str) -> str:
    """The top of the host's web pages. By ssh nobody tells of it: at the usual port."""
    if url.scheme not in ("http", "https"):
        return f"https://{host}"
    bracketed = f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port == DEFAULT_PORTS[url.scheme] else f":{url.port}"
    return f"{url.scheme}://{bracketed}{port}"


def _path(kind: ForgeKind, url: RemoteUrl, alias: str) -> tuple[str, str]:
    """The repository's path as the API wants it, and what the host's pages lie below."""
    raw = [
        part for part in unquote(urlsplit(f"//h/{url.path.lstrip('/')}").path).split("/") if part
    ]
    if raw:
        raw[-1] = raw[-1].removesuffix(".git")
    if kind is ForgeKind.AZURE_DEVOPS:  # its forms differ most, and case does not count there
        return alias.partition("/")[2], ""
    if kind is ForgeKind.BITBUCKET_SERVER:
        if len(raw) >= 3 and raw[-3] == "scm":
            above = "".join(f"/{part}" for part in raw[:-3])
            return "/".join(raw[-2:]), above
        return "/".join(raw[-2:]), ""
    return "/".join(raw), ""
