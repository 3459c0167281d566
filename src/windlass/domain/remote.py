"""Where a repository lives: the URL that people type, taken apart and refused where it must be."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from windlass.domain.errors import Invalid

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """An http(s) remote without user, password, query or fragment."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{port}{self.path}"


def parse_remote_url(text: str) -> RemoteUrl:
    """Take an http(s) URL apart; Invalid GIT001 says what is wrong with any other.

    A URL with a password or token in it is refused without quoting it. Whether the host may be
    reached is not checked here: `git.guard` does that before every use.

    >>> str(parse_remote_url("HTTPS://Git.Example:443/team/dags.git"))
    'https://git.example/team/dags.git'
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise _refused("its host or port cannot be read", text) from None
    if parts.username or parts.password or "@" in parts.netloc:
        raise Invalid(
            "GIT001",
            "the URL holds a user or a password, which would be stored and shown in clear",
            "Leave it out of the URL: use --username and --password-stdin.",
        )
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refused("expected a URL that begins with https:// or http://", text)
    host = parts.hostname or ""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", host):
        raise _refused("it names no valid host", text)
    if port == 0:
        raise _refused("its port cannot be 0", text)
    if parts.query or parts.fragment or re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", parts.path):
        raise _refused("expected only a path after the host", text)
    if not parts.path.strip("/") or "/../" in f"{parts.path}/":
        raise _refused("expected the path of a repository after the host", text)
    return RemoteUrl(
        parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/")
    )


def _refused(what: str, text: str) -> Invalid:
    # A mistyped URL can hold a password or a token anywhere near these, so it is not shown then.
    shown = "the text given" if re.search("[@?#]", text) else repr(text)
    return Invalid(
        "GIT001",
        f"{shown} cannot be used as a repository URL: {what}",
        "For example https://git.example/team/dags.git.",
    )
