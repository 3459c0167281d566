"""Where a repository lives: the URL that people type, taken apart and refused where it must be."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from windlass.domain.errors import Invalid

DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22}
DEFAULT_SSH_USER = "git"
_HOST = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*"
_USER = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}"
# [user@]host:path, the form of scp(1); git-clone(1), "GIT URLS". An IPv6 address is in brackets.
_SCP = re.compile(
    rf"(?:({_USER})@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):(?!//)(.+)", re.DOTALL
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_OTHER_KINDS = {
    "git": "git:// neither encrypts nor knows who asks",
    "ftp": "git's ftp:// is deprecated and not safe",
    "ftps": "git's ftps:// is deprecated and not safe",
}


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A remote without password, query or fragment.

    `user` is set for ssh alone; `host` is empty and `port` 0 for file URLs. The path of an ssh URL
    without a leading `/` is relative to the home of that user.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a credential is for: it is never sent to another."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        if self.scheme == "file":
            return f"file://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        if not self.path.startswith("/"):
            return f"{user}{host}:{self.path}"
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}{self.path}"


def parse_remote_url(text: str) -> RemoteUrl:
    """Take an http(s), ssh or file URL, or `git@host:path`, apart; Invalid GIT001 says what is
    wrong with any other.

    A URL with a password or token in it is refused without quoting it. Whether the host or folder
    may be reached is not checked here: `git.access` does that before every use.

    >>> str(parse_remote_url("HTTPS://Git.Example:443/team/dags.git"))
    'https://git.example/team/dags.git'
    >>> str(parse_remote_url("ssh://git.example/team/dags.git/"))
    'ssh://git@git.example/team/dags.git'
    """
    text = text.strip()
    scp = _SCP.fullmatch(text)
    if scp and (scp[1] or "." in scp[2]):
        return _scp_like(text, *scp.groups())
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _refused("its host or port cannot be read", text) from None
    if parts.scheme == "ssh":
        return _ssh(parts, port, text)
    if parts.username or parts.password or "@" in parts.netloc:
        raise _holds_secret()
    if parts.scheme == "file":
        return _file(parts, text)
    if parts.scheme not in ("http", "https"):
        raise _refused(_why_not(parts.scheme, text), text)
    return RemoteUrl(parts.scheme, *_place(parts, port, text))


def _ssh(parts: SplitResult, port: int | None, text: str) -> RemoteUrl:
    if parts.password is not None or ":" in parts.netloc.rpartition("@")[0]:
        raise _holds_secret()
    user = parts.username or DEFAULT_SSH_USER
    if not re.fullmatch(_USER, user):
        raise _refused("its user is not plain text", text)
    return RemoteUrl("ssh", *_place(parts, port, text), user)


def _scp_like(text: str, user: str | None, host: str, path: str) -> RemoteUrl:
    bare = host.strip("[]").lower()
    if not re.fullmatch(_HOST, bare):
        raise _refused("it names no valid host", text)
    if re.search(r"[@?#]", path):
        raise _refused("expected only a path after the host", text)
    _check_path(path if path.startswith("/") else f"/{path}", text)
    if path.startswith("-"):
        raise _refused("its path begins with -", text)
    return RemoteUrl("ssh", bare, 22, path.rstrip("/"), user or DEFAULT_SSH_USER)


def _file(parts: SplitResult, text: str) -> RemoteUrl:
    if parts.netloc not in ("", "localhost"):
        raise _refused("a file URL names a folder of this machine and no host", text)
    if parts.query or parts.fragment:
        raise _refused("expected only a path", text)
    _check_path(parts.path, text)
    return RemoteUrl("file", "", 0, parts.path.rstrip("/"))


def _place(parts: SplitResult, port: int | None, text: str) -> tuple[str, int, str]:
    host = parts.hostname or ""
    if not re.fullmatch(_HOST, host):
        raise _refused("it names no valid host", text)
    if port == 0:
        raise _refused("its port cannot be 0", text)
    if parts.query or parts.fragment:
        raise _refused("expected only a path after the host", text)
    _check_path(parts.path, text)
    return host, port or DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/")


def _check_path(path: str, text: str) -> None:
    if _UNSAFE.search(path):
        raise _refused("its path holds a character that is not plain text", text)
    if not path.strip("/") or "/../" in f"{path}/":
        raise _refused("expected the path of a repository after the host", text)


def _why_not(scheme: str, text: str) -> str:
    if re.match(r"[A-Za-z0-9]+::", text):
        return "it would run a program of this machine"
    return _OTHER_KINDS.get(
        scheme, "expected a URL that begins with https://, http:// or ssh://, or git@host:path"
    )


def _holds_secret() -> Invalid:
    return Invalid(
        "GIT001",
        "the URL holds a user or a password, which would be stored and shown in clear",
        "Leave it out of the URL: use --username and --password-stdin.",
    )


def _refused(what: str, text: str) -> Invalid:
    # A mistyped URL can hold a password or a token anywhere near these, so it is not shown then.
    shown = "the text given" if re.search("[@?#]", text) else repr(text)
    return Invalid(
        "GIT001",
        f"{shown} cannot be used as a repository URL: {what}",
        "For example https://git.example/team/dags.git or git@git.example:team/dags.git.",
    )
