"""From what people give, or what is stored, to what git is let in with."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from windlass.credentials.github_app import App, api_of, signed_claims
from windlass.credentials.keyring import Keyring
from windlass.credentials.secrets import Secrets
from windlass.credentials.sshkey import open_private_key
from windlass.database.credentials import (
    CredentialKind,
    StoredCredential,
    find_credential,
    known_credentials,
)
from windlass.domain.errors import Invalid
from windlass.domain.login import (
    DEFAULT_TOKEN_USER,
    AppLogin,
    DeployTokenLogin,
    KeyLogin,
    Login,
    PasswordLogin,
    Reference,
    TokenLogin,
    token_user,
)
from windlass.domain.nearest import suggest
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.domain.repository import check_name
from windlass.git.access import Auth, BasicAuth, Boundary, LateAuth, OpenedAuth, SshAuth
from windlass.git.guard import judged_addresses
from windlass.git.ssh import holds_host, pinned_hosts


def settled(login: Login, url: RemoteUrl, boundary: Boundary, secrets: Secrets) -> Login:
    """The login with everything that it needs at this URL: its user, the keys that its host is
    known by, its installation.

    Asks the host where nothing says which ssh key it must have, and GitHub where nothing says which
    installation reads the repository. Raises as `git.ssh.pinned_hosts` and `Installations` do then,
    Invalid CRED004 for a key that cannot be used, CRED006 for a login that is not of the kind that
    the URL wants.
    """
    _check_kind(url, is_key=isinstance(login, KeyLogin))
    match login:
        case KeyLogin():
            key = open_private_key(login.private_key, login.passphrase)
            return KeyLogin(key.private, known_hosts=_known_hosts(login, url, boundary))
        case TokenLogin():
            return replace(login, username=login.username or token_user(url.host, login.token))
        case AppLogin():
            return _settled_app(login, url, secrets)
    return login


def auth_of(login: Login, secrets: Secrets) -> Auth:
    """What git gets for a settled login."""
    match login:
        case PasswordLogin(username, password):
            return BasicAuth(username, password)
        case TokenLogin(token, username):
            return BasicAuth(username or DEFAULT_TOKEN_USER, token)
        case DeployTokenLogin(username, token):
            return BasicAuth(username, token)
        case KeyLogin():
            return SshAuth(login.private_key, login.known_hosts or "")
    app = App(login.app_id, login.api_url or "", login.private_key)
    return _app_auth(secrets, app, login.installation_id or "")


def seal(
    keyring: Keyring, login: Login, url: RemoteUrl, lies_in: Reference | None = None
) -> StoredCredential:
    """What is stored of a settled login; its URL is noted, for it is sent to no other host. Of one
    whose secret lies elsewhere, where it does, and no secret."""
    notes = {"host": url.host, "url": str(url)}
    match login:
        case PasswordLogin(username, secret):
            kind = CredentialKind.BASIC
        case TokenLogin(secret, given):
            kind, username = CredentialKind.TOKEN, given or DEFAULT_TOKEN_USER
        case DeployTokenLogin(username, secret):
            kind = CredentialKind.DEPLOY_TOKEN
        case AppLogin(username, secret, installation, api_url):
            kind = CredentialKind.GITHUB_APP
            notes |= {"installation": installation or "", "api_url": api_url or ""}
        case KeyLogin():
            key = open_private_key(login.private_key, None)
            kind, username, secret = CredentialKind.SSH_KEY, "", key.private
            notes |= {"known_hosts": login.known_hosts or "", "public_key": key.public}
            notes |= {"fingerprint": key.fingerprint}
    if lies_in is not None:
        notes |= {"store": lies_in.store, "reference": lies_in.name}
        return StoredCredential(username, b"", kind, notes)
    return StoredCredential(username, keyring.encrypt(secret), kind, notes)


def unseal(secrets: Secrets, stored: StoredCredential) -> LateAuth:
    """What git gets by a stored credential, opened when git needs it; that raises Invalid CRED001
    where no key opens it, and what `Installations` and `Vaults` do."""

    def of_app() -> LateAuth:
        key = secret_of(secrets, stored)
        app = App(stored.username, stored.options["api_url"], key)
        return _app_auth(secrets, app, stored.options["installation"])

    def first() -> OpenedAuth:
        if stored.kind is CredentialKind.GITHUB_APP:
            return of_app().first()
        return _opened(stored, secret_of(secrets, stored))

    def other() -> OpenedAuth | None:
        if stored.kind is CredentialKind.GITHUB_APP:
            return of_app().other()
        if stored.lies_in is not None:
            tried = secret_of(secrets, stored)
            now = secrets.vaults.read(stored.lies_in.store, stored.lies_in.name, fresh=True)
            return None if now == tried else _opened(stored, now)
        previous = stored.previous_at(datetime.now(UTC))
        return None if previous is None else _opened(stored, secrets.keyring.decrypt(previous))

    return LateAuth(first, other)


def secret_of(secrets: Secrets, stored: StoredCredential) -> str:
    """The stored secret itself; raises as `unseal`. Never log it, never keep it."""
    if stored.lies_in is None:
        return secrets.keyring.decrypt(stored.ciphertext)
    return secrets.vaults.read(stored.lies_in.store, stored.lies_in.name)


def stored_auth(connection: Connection, secrets: Secrets, name: str, url: RemoteUrl) -> LateAuth:
    """What git gets at this URL by the credential of that name; it is sent to no other host.

    Raises Invalid CRED003 where there is none, CRED023 where it is for another host, CRED006 where
    it is not of the kind that the URL wants.
    """
    check_name("credential", name)  # those of Airflow have names that none of these can have
    stored = find_credential(connection, name)
    if stored is None:
        hint = suggest(name, known_credentials(connection)) or "Add it: windlass credential add"
        raise Invalid("CRED003", f"there is no credential {name!r}", hint)
    if stored.options.get("host") not in (None, url.host):
        raise Invalid(
            "CRED023",
            f"the credential {name!r} is for {stored.options['host']}, and is not sent to "
            f"{url.host or url}",
            "Store another one for that host: windlass credential add",
        )
    _check_kind(url, is_key=stored.kind is CredentialKind.SSH_KEY)
    return unseal(secrets, stored)


def _opened(stored: StoredCredential, secret: str) -> OpenedAuth:
    if stored.kind is CredentialKind.SSH_KEY:
        key = secret if stored.lies_in is None else open_private_key(secret, None).private
        return SshAuth(key, stored.options["known_hosts"])
    return BasicAuth(stored.username, secret)


def _app_auth(secrets: Secrets, app: App, installation: str) -> LateAuth:
    def other() -> OpenedAuth:
        refused = secrets.apps.token(app, installation)
        return _token_auth(secrets, app, installation, refused)

    return LateAuth(lambda: _token_auth(secrets, app, installation), other)


def _token_auth(
    secrets: Secrets, app: App, installation: str, refused: str | None = None
) -> BasicAuth:
    token = secrets.apps.token(app, installation, refused=refused)
    return BasicAuth(DEFAULT_TOKEN_USER, token)


def _settled_app(login: AppLogin, url: RemoteUrl, secrets: Secrets) -> AppLogin:
    api_url = (login.api_url or api_of(url.scheme, url.host, url.port)).rstrip("/")
    host = parse_remote_url(f"{api_url}/x").host
    if host not in (url.host, f"api.{url.host}"):  # the key speaks for the app, at its host only
        raise Invalid(
            "CRED023",
            f"the API at {host} is not that of {url.host}",
            "Leave --api-url out, or give that of the repository's host.",
        )
    app = App(login.app_id, api_url, login.private_key)
    signed_claims(app, 0)
    found = login.installation_id or secrets.apps.installation_of(app, url.path)
    return replace(login, installation_id=found, api_url=api_url)


def _check_kind(url: RemoteUrl, *, is_key: bool) -> None:
    if is_key != (url.scheme == "ssh") or url.scheme == "file":
        wanted = {"ssh": "--ssh-key FILE", "file": "no login at all"}
        raise Invalid(
            "CRED006",
            f"{url} is asked by {url.scheme}, which cannot use this kind of login",
            f"Give {wanted.get(url.scheme, '--token-stdin, or --username and --password-stdin')}.",
        )


def _known_hosts(login: KeyLogin, url: RemoteUrl, boundary: Boundary) -> str:
    if login.known_hosts is None:
        address = judged_addresses(url, boundary.hosts)[0]
        return pinned_hosts(url, address, login.host_key)
    if not holds_host(login.known_hosts) or "\0" in login.known_hosts:
        raise Invalid(
            "CRED005",
            "the known_hosts file names no host and key",
            "Make it: ssh-keyscan HOST > FILE, and compare it with what the operator publishes.",
        )
    return login.known_hosts
