"""Credentials by name: added once, tried, rotated, used by many repositories, never given back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from dataclasses import replace as replace_values
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.engine import Connection

from windlass.credentials.sshkey import new_private_key
from windlass.database.credentials import (
    NAMED,
    CredentialKind,
    StoredCredential,
    find_credential,
    known_credentials,
    list_credentials,
    lock_credential,
    put_credential,
    remove_credential,
    urls_of,
)
from windlass.domain.audit import Action
from windlass.domain.errors import AppError, Conflict, Invalid, NotFound
from windlass.domain.login import KeyLogin, Login, Reference
from windlass.domain.nearest import suggest
from windlass.domain.ref import Ref, RefKind
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.domain.repository import check_name
from windlass.engine.audit import audited
from windlass.engine.context import Context
from windlass.engine.login import auth_of, seal, settled, unseal
from windlass.git.access import Auth, Remote
from windlass.git.remotes import choose_branch


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of letting git in at a URL; `error` None: it may read. `repository` is the one that
    uses the credential there, None for a URL that was given."""

    url: str
    repository: str | None
    error: AppError | None


def keep_login(
    context: Context,
    name: str,
    url: str,
    login: Login,
    *,
    replace: bool,
    actor: str,
    expires_on: date | None = None,
    lies_in: Reference | None = None,
) -> None:
    """Store a login under a name after it opened the repository at `url`; it is for that host. Of
    one whose secret lies elsewhere, the reference is stored in its place.

    Raises Conflict CRED020 for a name that is taken, unless `replace`; Invalid for what is wrong
    with it; what git says where it does not open the repository.
    """
    check_name("credential", name)
    parsed = parse_remote_url(url)
    login = settled(login, parsed, context.boundary, context.secrets)
    _try(context, parsed, auth_of(login, context.secrets))
    sealed = seal(context.keyring, login, parsed, lies_in)
    sealed = replace_values(sealed, expires_on=expires_on)
    _keep(context, name, sealed, replace=replace, actor=actor)


def keep_reference(
    context: Context,
    name: str,
    url: str,
    at: Reference,
    login_of: Callable[[str], Login],
    *,
    replace: bool,
    actor: str,
    expires_on: date | None = None,
) -> None:
    """As `keep_login`, of a secret that stays in another store; `login_of` says what it is. Raises
    what `Vaults.read` does too."""
    login = login_of(context.vaults.read(at.store, at.name, fresh=True))
    keep_login(
        context,
        name,
        url,
        login,
        replace=replace,
        actor=actor,
        expires_on=expires_on,
        lies_in=at,
    )


def make_deploy_key(
    context: Context,
    name: str,
    url: str,
    *,
    known_hosts: str | None,
    host_key: str | None,
    actor: str,
) -> None:
    """Make an ssh key, and store it for the host of `url`, which does not know it yet: its public
    half is to be added there. Raises as `keep_login`, and Conflict GIT019 where nobody vouches for
    the host."""
    check_name("credential", name)
    parsed = parse_remote_url(url)
    key = KeyLogin(new_private_key().private, known_hosts=known_hosts, host_key=host_key)
    login = settled(key, parsed, context.boundary, context.secrets)
    _keep(context, name, seal(context.keyring, login, parsed), replace=False, actor=actor)


def try_login(context: Context, name: str, url: str | None = None) -> list[Tried]:
    """Let git ask wherever the credential is used, or at `url`; NotFound CRED022, Invalid CRED026
    where nothing uses it and nothing says where it opens something, CRED023 for another host."""
    with context.database.transaction() as connection:
        stored = _get(connection, name)
        places = [(url, None)] if url else _places(connection, name, stored)
    if url is not None:
        _check_host(name, stored, parse_remote_url(url))
    return list(_tried(context, places, unseal(context.secrets, stored)))


def rotate_login(
    context: Context,
    name: str,
    login: Login,
    *,
    keep: timedelta,
    actor: str,
    expires_on: date | None = None,
) -> None:
    """Put another secret in the place of the stored one, once it opened every repository that uses
    it. The one before is tried for so long where the new one is refused; syncs that run go on.

    Raises NotFound CRED022, Conflict CRED027 where it does not open them all, or is of another
    kind; Invalid for what is wrong with it.
    """
    with context.database.transaction() as connection:
        stored = _get(connection, name)
        places = _places(connection, name, stored)
    _refuse_elsewhere(name, stored)
    if isinstance(login, KeyLogin) and login.known_hosts is None and login.host_key is None:
        login = replace_values(login, known_hosts=stored.options.get("known_hosts"))
    first = parse_remote_url(places[0][0])
    login = settled(login, first, context.boundary, context.secrets)
    sealed = seal(context.keyring, login, first)
    if sealed.kind is not stored.kind:
        raise Conflict(
            "CRED027",
            f"the credential {name!r} is of the kind {stored.kind}, not {sealed.kind}",
            "Add one of that kind under another name, and give it to the repositories.",
        )
    _all_open(name, _tried(context, places, auth_of(login, context.secrets)))
    sealed = replace_values(sealed, expires_on=expires_on)
    _replace(context, name, stored, sealed, keep=keep, actor=actor)


def renew_deploy_key(context: Context, name: str, *, keep: timedelta, actor: str) -> None:
    """Make another ssh key in the place of a stored one. Its host does not know it yet: until it
    does the one before is used, for so long at most.

    Raises NotFound CRED022, Conflict CRED027 where it is no ssh key, CRED028 where the key lies in
    another store.
    """
    with context.database.transaction() as connection:
        stored = _get(connection, name)
        url = parse_remote_url(_places(connection, name, stored)[0][0])
    _refuse_elsewhere(name, stored)
    if stored.kind is not CredentialKind.SSH_KEY:
        raise Conflict(
            "CRED027",
            f"the credential {name!r} is of the kind {stored.kind}, not {CredentialKind.SSH_KEY}",
            f"Give it another secret: windlass credential rotate {name}",
        )
    pinned = str(stored.options["known_hosts"])
    key = KeyLogin(new_private_key().private, known_hosts=pinned)
    login = settled(key, url, context.boundary, context.secrets)
    _replace(context, name, stored, seal(context.keyring, login, url), keep=keep, actor=actor)


def forget_login(context: Context, name: str, *, actor: str) -> None:
    """Remove a credential; Conflict CRED021 names what uses it, NotFound CRED022."""
    with context.database.transaction() as connection:
        _get(connection, name)
        found = next(one for one in list_credentials(connection) if one.name == name)
        if found.used_by:
            raise Conflict(
                "CRED021",
                f"the credential {name!r} is used by {', '.join(found.used_by[:5])}",
                "Give those another one first.",
            )
        remove_credential(connection, name)
        audited(connection, actor, Action.CREDENTIAL_REMOVED, f"credential/{name}")


def _get(connection: Connection, name: str) -> StoredCredential:
    found = find_credential(connection, name)
    if found is None:
        known = known_credentials(connection)
        raise NotFound(
            "CRED022",
            f"no credential is named {name!r}",
            suggest(name, known, "There are") or "There are none.",
        )
    return found


def _places(
    connection: Connection, name: str, stored: StoredCredential
) -> list[tuple[str, str | None]]:
    """(URL, repository) of all that uses the credential; where nothing does, the URL that it opened
    when it was stored. Invalid CRED026 where neither is known."""
    used = urls_of(connection, name)
    if used:
        return [(url, repository) for repository, url in used.items()]
    if stored.options.get("url"):
        return [(stored.options["url"], None)]
    raise Invalid(
        "CRED026",
        f"nothing uses the credential {name!r}, and nothing says what it opens",
        f"Try it at a repository: windlass credential test {name} URL",
    )


def _keep(
    context: Context, name: str, sealed: StoredCredential, *, replace: bool, actor: str
) -> None:
    options = {**sealed.options, NAMED: True}
    with context.database.transaction() as connection:
        known = find_credential(connection, name)
        if known is not None and not replace:
            raise Conflict(
                "CRED020",
                f"there is a credential {name!r} already",
                "Give another name, or replace it: --replace",
            )
        put_credential(connection, name, replace_values(sealed, options=options))
        action = Action.CREDENTIAL_CHANGED if known else Action.CREDENTIAL_ADDED
        audited(
            connection, actor, action, f"credential/{name}", kind=sealed.kind, host=options["host"]
        )


def _refuse_elsewhere(name: str, stored: StoredCredential) -> None:
    if stored.lies_in is not None:
        raise Conflict(
            "CRED028",
            f"the secret of {name!r} lies in {stored.lies_in.store}, and is rotated there",
            "Nothing is to be done here: it is read again within a minute, and at once where the "
            "Git host refuses it.",
        )


def _replace(
    context: Context,
    name: str,
    stored: StoredCredential,
    sealed: StoredCredential,
    *,
    keep: timedelta,
    actor: str,
) -> None:
    """Put another secret in the place of one that is as it was read; that stays for so long."""
    with context.database.transaction() as connection:
        now = lock_credential(connection, name)
        if now != stored:
            raise Conflict(
                "CRED027", f"somebody else changed the credential {name!r}", "Look, and try again."
            )
        same_user = sealed.username == stored.username
        rotated = replace_values(
            sealed,
            options={**stored.options, **sealed.options},
            previous=stored.ciphertext if same_user and keep else None,
            previous_until=datetime.now(UTC) + keep if same_user and keep else None,
        )
        put_credential(connection, name, rotated)
        audited(
            connection,
            actor,
            Action.CREDENTIAL_ROTATED,
            f"credential/{name}",
            kind=sealed.kind,
            kept_h=keep.total_seconds() / 3600,
        )


def _check_host(name: str, stored: StoredCredential, url: RemoteUrl) -> None:
    host = stored.options.get("host")
    if host not in (None, url.host):
        raise Invalid(
            "CRED023",
            f"the credential {name!r} is for {host}, and is not sent to {url.host or url}",
            "Name a repository of that host.",
        )


def _tried(
    context: Context, places: Iterable[tuple[str, str | None]], auth: Auth
) -> Iterable[Tried]:
    for url, repository in places:
        try:
            _try(context, parse_remote_url(url), auth)
        except AppError as error:
            yield Tried(url, repository, error)
        else:
            yield Tried(url, repository, None)


def _all_open(name: str, tried: Iterable[Tried]) -> None:
    refused = [one for one in tried if one.error]
    if refused:
        error = refused[0].error
        assert error is not None
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise Conflict(
            "CRED027",
            f"the new secret of {name!r} does not open what the old one opens: {error.code} "
            f"{error.message}{more}",
            error.hint or "Nothing was changed; try again.",
        )


def _try(context: Context, url: RemoteUrl, auth: Auth) -> None:
    choose_branch(Remote(str(url), Ref(RefKind.BRANCH, "main"), auth, context.boundary))
