"""What people give to be let in at a Git host. Secrets in it never show in a repr."""

from dataclasses import dataclass, field
from datetime import timedelta

from windlass.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A user and a password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token of a host; `username` None takes the one that the host wants with tokens."""

    token: str = field(repr=False)
    username: str | None = None


@dataclass(frozen=True, slots=True)
class DeployTokenLogin:
    """A deploy token of GitLab: its user, such as `gitlab+deploy-token-7`, and the token."""

    username: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AppLogin:
    """A GitHub App: its app id or client id, and its private key in PEM. `installation_id` None is
    asked for; `api_url` None is that of the repository's host."""

    app_id: str
    private_key: str = field(repr=False)
    installation_id: str | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """An ssh private key as its file holds it. The host is known by `known_hosts`, the text of such
    a file, or by the fingerprint `host_key`; by neither where Windlass knows its key anyway."""

    private_key: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)
    known_hosts: str | None = None
    host_key: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret lies outside of Windlass: the name of a store, and what that calls it."""

    store: str
    name: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A login but for its secret: its kind, and what goes beside the secret."""

    kind: str
    username: str | None = None
    known_hosts: str | None = None
    host_key: str | None = None
    installation_id: str | None = None
    api_url: str | None = None

    def login(self, secret: str) -> "Login":
        """The login that has this secret; Invalid CRED029 where something is missing beside it. A
        GitHub App's id is its user name."""
        if self.kind == "ssh_key":
            return KeyLogin(secret, None, self.known_hosts, self.host_key)
        if self.kind == "token":
            return TokenLogin(secret, self.username)
        if not self.username:
            raise Invalid(
                "CRED029",
                f"a credential of the kind {self.kind} needs a user name",
                "Give it with --username; of a GitHub App, its id.",
            )
        if self.kind == "github_app":
            return AppLogin(self.username, secret, self.installation_id, self.api_url)
        kind = DeployTokenLogin if self.kind == "deploy_token" else PasswordLogin
        return kind(self.username, secret)


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """What may be told of a stored credential: its kind, and the host that it is for, None where
    that was not noted."""

    kind: str
    host: str | None = None


EXPIRES_SOON = timedelta(days=14)
"""How long before its end a secret is told of."""

Login = PasswordLogin | TokenLogin | DeployTokenLogin | AppLogin | KeyLogin

DEFAULT_TOKEN_USER = "x-access-token"  # noqa: S105  # a user name, not a token
_API_TOKEN = "ATATT"  # noqa: S105  # how Atlassian's API tokens begin; access tokens: ATCTT


def token_user(host: str, token: str = "") -> str:
    """The user name that a host wants beside a token.

    GitHub's docs "Authenticating as a GitHub App installation", GitLab's "Clone with a token",
    Bitbucket's "Using access tokens" and "Using API tokens" (app passwords ended on 2026-06-09).
    Gitea and Azure DevOps take any.

    >>> token_user("gitlab.example.org")
    'oauth2'
    """
    if "gitlab" in host:
        return "oauth2"
    if "bitbucket" in host:
        return "x-bitbucket-api-token-auth" if token.startswith(_API_TOKEN) else "x-token-auth"
    return DEFAULT_TOKEN_USER
