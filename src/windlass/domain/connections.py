"""Logins as Airflow's connections of the type `git`, as its Git hook reads them.

apache-airflow-providers-git 1.0, hooks/git.py: `host` is the URL, `login` and `password` are for
http(s); `private_key`, `github_app_id` and `github_installation_id` are in `extra`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Invalid
from windlass.domain.login import Login, Outline
from windlass.domain.remote import RemoteUrl, parse_remote_url

_KINDS = {
    "oauth_token": "token",
    **{kind: kind for kind in ("token", "basic", "deploy_token", "github_app", "ssh_key")},
}
_ID_LENGTH = 32


def connection_id(url: RemoteUrl) -> str:
    """The id of the connection for a repository: the same for every way to write its URL.

    >>> connection_id(parse_remote_url("https://GIT.example:443/team/dags/"))
    'git_d0afbc30f2f2606ac8eb4f87c08dc668'
    """
    return f"git_{digest_bytes(str(url).encode())[:_ID_LENGTH]}"


def airflow_connection(
    url: RemoteUrl,
    kind: str,
    username: str,
    secret: str,
    *,
    installation: str | None = None,
    known_hosts_file: str | None = None,
) -> dict[str, Any]:
    """The connection as Airflow's REST API takes it. It holds the secret in clear: Airflow encrypts
    it when it stores it, once."""
    extra: dict[str, str] = {"credential_type": kind, "repo_url": str(url)}
    login: str | None = username
    password: str | None = secret
    if kind == "ssh_key":
        login = password = None
        extra |= {"private_key": secret}
        checking = "yes" if known_hosts_file else "accept-new"
        extra |= {"strict_host_key_checking": checking}
        extra |= {"known_hosts_file": known_hosts_file} if known_hosts_file else {}
    elif kind == "github_app":
        login = password = None
        extra |= {"private_key": secret, "github_app_id": username}
        extra |= {"github_installation_id": installation or ""}
    return {
        "connection_id": connection_id(url),
        "conn_type": "git",
        "description": "written by Windlass",
        "host": str(url),
        "login": login,
        "password": password,
        "extra": json.dumps(extra),
    }


@dataclass(frozen=True, slots=True)
class ExportedLogin:
    """A login of `airflow connections export`, and the repository that it opens."""

    name: str
    url: str
    login: Login = field(repr=False)


def exported_logins(text: str) -> Iterator[ExportedLogin | Invalid]:
    """Every connection of the type `git` in an export (JSON), in its order, or what is wrong with
    it. Read are Airflow's own form and the one with `login` as the type and `extra.repo_url`.
    Invalid CRED050 for what is no export."""
    try:
        rows = json.loads(text)
        found = {str(name): row for name, row in rows.items() if row.get("conn_type") == "git"}
    except (ValueError, AttributeError):
        raise Invalid(
            "CRED050",
            "the file is no export of Airflow's connections",
            "Make it: airflow connections export FILE --file-format json",
        ) from None
    for name, row in found.items():
        try:
            yield _read(name, row)
        except (Invalid, ValueError, TypeError, AttributeError) as error:
            why = error.message if isinstance(error, Invalid) else "its fields are not as expected"
            yield Invalid("CRED051", f"the connection {name[:100]!r} is left out: {why}")


def _read(name: str, row: Mapping[str, Any]) -> ExportedLogin:
    extra = row.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else dict(extra)
    given = str(row.get("login") or "")
    url = str(extra.get("repo_url") or row.get("host") or "")
    parse_remote_url(url)
    kind = _KINDS.get(given) or _KINDS.get(str(extra.get("credential_type"))) or _guess(row, extra)
    secret = str(extra.get("private_key") or row.get("password") or "")
    if not secret:
        raise Invalid("CRED051", "it holds no secret", "")
    username = str(extra.get("username") or extra.get("github_app_id") or "")
    if not username and given not in _KINDS:
        username = given
    outline = Outline(
        kind,
        username or None,
        installation_id=str(extra.get("github_installation_id") or "") or None,
    )
    return ExportedLogin(name, url, outline.login(secret))


def _guess(row: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    if extra.get("github_app_id"):
        return "github_app"
    if extra.get("private_key"):
        return "ssh_key"
    return "basic" if row.get("login") else "token"
