"""One remote has many spellings: https and ssh, with and without .git, by other hosts' names.

An alias is what they have in common. It finds whom a call may be about; only a proof decides.
"""

import re
from urllib.parse import unquote, urlsplit

from windlass.domain.delivery import ForgeKind

_SCP = re.compile(r"(?:[^@/\s]{1,100}@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*):(?!//)(.*)")
_MAX = 1000
# The names under which hosts take ssh at port 443, by their documentation.
_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
_AZURE = "dev.azure.com"


def alias_of(url: str, kind: ForgeKind | None = None) -> str | None:
    """What all spellings of a remote have in common: `host/path` in lower case; None where `url`
    is none. Never raises, and looks at no more than 1,000 characters.

    Of Bitbucket Server it is the path alone, since its calls do not name its host.

    >>> alias_of("git@GitHub.com:Team/DAGs.git"), alias_of("https://github.com/team/dags")
    ('github.com/team/dags', 'github.com/team/dags')
    >>> alias_of("ssh://git@git.example:7999/prj/dags.git", ForgeKind.BITBUCKET_SERVER)
    '/prj/dags'
    """
    if len(url) > _MAX:
        return None
    host, path = _split(url.strip())
    parts = [part for part in unquote(path).casefold().split("/") if part]
    if not host or not parts:
        return None
    host = _HOSTS.get(host, host)
    parts[-1] = parts[-1].removesuffix(".git") or parts[-1]
    host, parts = _azure(host, _bitbucket_server(parts))
    if kind is ForgeKind.BITBUCKET_SERVER:
        host = ""
    return "/".join([host, *parts])


def _split(url: str) -> tuple[str, str]:
    """Host and path; both empty where it is no URL."""
    scp = _SCP.fullmatch(url)
    if scp:
        return scp[1].strip("[]").casefold(), scp[2]
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", ""
    return (host, parts.path) if parts.scheme in ("http", "https", "ssh", "git") else ("", "")


def _bitbucket_server(parts: list[str]) -> list[str]:
    """/scm/PRJ/dags, below a context path or not, /projects/PRJ/repos/dags and
    /users/me/repos/dags: as ssh has it, prj/dags and ~me/dags."""
    if len(parts) >= 3 and parts[-3] == "scm":
        return parts[-2:]
    for place in range(len(parts) - 3):
        owner, key, repos, slug = parts[place : place + 4]
        if repos == "repos" and owner in ("projects", "users"):
            return ["~" + key if owner == "users" else key, slug]
    return parts


def _azure(host: str, parts: list[str]) -> tuple[str, list[str]]:
    """Azure Repos as dev.azure.com/organisation/project/repository, whatever its form:
    https://dev.azure.com/o/p/_git/r, https://o.visualstudio.com/p/_git/r and v3/o/p/r by ssh."""
    if host in ("ssh.dev.azure.com", "vs-ssh.visualstudio.com") and parts[0] == "v3":
        parts = parts[1:]
    elif host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        parts = [host.removesuffix(".visualstudio.com"), *parts]
    elif host != _AZURE:
        return host, parts
    parts = [part for part in parts if part not in ("_git", "defaultcollection")]
    if len(parts) == 2:  # the project has the repository's name, and is left out
        parts = [*parts, parts[1]]
    return _AZURE, parts
