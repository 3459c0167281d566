"""Credentials: names and ciphertext. What opens the ciphertext is not in the database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t
from windlass.domain.login import KnownCredential, Reference

COLUMNS = (
    *("kind", "username", "ciphertext", "options"),
    *("previous_ciphertext", "previous_until", "expires_on"),
)
"""The columns of a `StoredCredential`."""
NAMED = "named"
"""Whether somebody added it under a name of its own: it outlives what uses it."""


class CredentialKind(StrEnum):
    """What the secret is."""

    BASIC = "basic"  # a password
    TOKEN = "token"  # noqa: S105  # the name of a kind
    DEPLOY_TOKEN = "deploy_token"  # noqa: S105  # GitLab's
    GITHUB_APP = "github_app"  # the app's private key; `username` is its id
    SSH_KEY = "ssh_key"  # a private key without passphrase; `options` has its public half


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A user name and the encrypted secret; `options` holds none, so it may be shown. `previous` is
    the secret before the last rotation, which is tried until `previous_until` where the new one is
    refused. `expires_on` is what somebody said."""

    username: str
    ciphertext: bytes
    kind: CredentialKind = CredentialKind.BASIC
    options: dict[str, Any] = field(default_factory=dict)
    previous: bytes | None = None
    previous_until: datetime | None = None
    expires_on: date | None = None

    @property
    def lies_in(self) -> Reference | None:
        """Where the secret lies if that is not here; `ciphertext` is empty then."""
        if "store" not in self.options:
            return None
        return Reference(self.options["store"], self.options["reference"])

    def previous_at(self, now: datetime) -> bytes | None:
        """The secret before, while it may be tried."""
        return self.previous if self.previous_until and now < self.previous_until else None


def put_credential(connection: Connection, name: str, stored: StoredCredential) -> None:
    """Add the credential, or replace the one of that name; its age begins anew."""
    values = {
        "kind": stored.kind,
        "username": stored.username,
        "ciphertext": stored.ciphertext,
        "options": stored.options,
        "previous_ciphertext": stored.previous,
        "previous_until": stored.previous_until,
        "expires_on": stored.expires_on,
        "changed_at": sa.func.now(),
    }
    query = insert(t.credential).values(name=name, **values)
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))


def find_credential(connection: Connection, name: str) -> StoredCredential | None:
    """The credential of that name, or None."""
    row = connection.execute(sa.select(t.credential).where(t.credential.c.name == name))
    found = row.one_or_none()
    return None if found is None else stored_of(found)


def stored_of(row: Any, prefix: str = "") -> StoredCredential:
    """A row of the table, or one that has its columns after the prefix."""
    found = {name: getattr(row, prefix + name) for name in COLUMNS}
    previous = found["previous_ciphertext"]
    return StoredCredential(
        found["username"],
        bytes(found["ciphertext"]),
        CredentialKind(found["kind"]),
        found["options"],
        None if previous is None else bytes(previous),
        found["previous_until"],
        found["expires_on"],
    )


def known_credentials(connection: Connection) -> dict[str, KnownCredential]:
    """Name → what may be told of it, of all credentials, by name."""
    columns = t.credential.c
    rows = connection.execute(sa.select(columns.name, columns.kind, columns.options))
    found = {row.name: KnownCredential(row.kind, row.options.get("host")) for row in rows}
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class UsedCredential:
    """A credential without its secret. `public_key` and `fingerprint` are of an ssh key; `used_by`
    names repositories and environments, as `repository/dags`. `changed_at` is when its secret was
    stored; another one is valid beside it until `previous_until`. `lies_in` tells where its secret
    is, as `vault secret/git#token`, None for the database."""

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
    used_by: tuple[str, ...]


def list_credentials(connection: Connection) -> list[UsedCredential]:
    """All credentials, by name, with what uses them."""
    uses = sa.union_all(
        sa.select(
            t.repository.c.credential_id, (sa.literal("repository/") + t.repository.c.name)
        ).where(t.repository.c.removed_at.is_(None), t.repository.c.credential_id.is_not(None)),
        sa.select(
            t.environment.c.credential_id, (sa.literal("environment/") + t.environment.c.name)
        ).where(t.environment.c.credential_id.is_not(None)),
    )
    used_by: dict[int, list[str]] = {}
    for credential_id, subject in connection.execute(sa.union(uses, _by_apis())):
        used_by.setdefault(credential_id, []).append(subject)
    rows = connection.execute(sa.select(t.credential).order_by(t.credential.c.name))
    return [
        UsedCredential(
            name=row.name,
            kind=row.kind,
            username=row.username,
            host=row.options.get("host"),
            public_key=row.options.get("public_key"),
            fingerprint=row.options.get("fingerprint"),
            created_at=row.created_at,
            changed_at=row.changed_at,
            expires_on=row.expires_on,
            previous_until=row.previous_until,
            lies_in=_place(row.options),
            used_by=tuple(sorted(used_by.get(row.id, ()))),
        )
        for row in rows
    ]


def _by_apis() -> sa.Select[Any]:
    """Repositories that show a credential to the API of their host (the option api_credential)."""
    r, c = t.repository.c, t.credential.c
    return (
        sa.select(c.id, sa.literal("repository/") + r.name)
        .join(t.repository, r.options["api_credential"].astext == c.name)
        .where(r.removed_at.is_(None))
    )


def _place(options: dict[str, Any]) -> str | None:
    return f"{options['store']} {options['reference']}" if "store" in options else None


def urls_of(connection: Connection, name: str) -> dict[str, str]:
    """Repository → URL, of those that use the credential."""
    r = t.repository.c
    joined = t.repository.join(t.credential, t.credential.c.id == r.credential_id)
    query = sa.select(r.name, r.url).select_from(joined).order_by(r.name)
    rows = connection.execute(query.where(t.credential.c.name == name, r.removed_at.is_(None)))
    return {row.name: row.url for row in rows}


def lock_credential(connection: Connection, name: str) -> StoredCredential | None:
    """As `find_credential`; nobody else changes it until the transaction ends."""
    query = sa.select(t.credential).where(t.credential.c.name == name).with_for_update()
    found = connection.execute(query).one_or_none()
    return None if found is None else stored_of(found)


def lock_all(connection: Connection) -> dict[str, StoredCredential]:
    """All credentials by name; nobody adds or changes one until the transaction ends."""
    connection.execute(sa.text("LOCK TABLE credential IN SHARE ROW EXCLUSIVE MODE"))
    rows = connection.execute(sa.select(t.credential).order_by(t.credential.c.name))
    return {row.name: stored_of(row) for row in rows}


def reseal(
    connection: Connection, name: str, ciphertext: bytes, previous: bytes | None = None
) -> None:
    """Store the same secrets under another key."""
    values = {"ciphertext": ciphertext, "previous_ciphertext": previous}
    connection.execute(sa.update(t.credential).where(t.credential.c.name == name).values(**values))


def forget_previous(connection: Connection) -> list[str]:
    """Forget the secrets before rotations whose time is over; the names of their credentials."""
    c = t.credential.c
    query = sa.update(t.credential).where(c.previous_until < sa.func.now())
    cleared = query.values(previous_ciphertext=None, previous_until=None).returning(c.name)
    return sorted(connection.execute(cleared).scalars())


def oldest_s(connection: Connection) -> float:
    """The age of the oldest stored secret in seconds; 0 where there is none."""
    c = t.credential.c
    age = sa.func.extract("epoch", sa.func.now() - sa.func.min(c.changed_at))
    ours = ~c.options.has_key("store")  # how old one elsewhere is, is not known
    return float(connection.execute(sa.select(age).where(ours)).scalar_one() or 0)


def count_expiring(connection: Connection, by: date) -> int:
    """How many secrets end on that day or before, by what people said."""
    c = t.credential.c
    query = sa.select(sa.func.count()).where(c.expires_on <= by)
    return int(connection.execute(query).scalar_one())


def remove_credential(connection: Connection, name: str) -> None:
    """Forget a credential that nothing refers to."""
    connection.execute(sa.delete(t.credential).where(t.credential.c.name == name))


def drop_credential(connection: Connection, credential_id: int) -> None:
    """Delete a credential that came with what it is for, unless a repository or an environment
    still uses it."""
    users = (t.repository.c.credential_id, t.environment.c.credential_id)
    in_use = [sa.exists().where(column == credential_id) for column in users]
    is_named = t.credential.c.options.has_key(NAMED)
    query = sa.delete(t.credential).where(t.credential.c.id == credential_id, ~is_named)
    connection.execute(query.where(*(~one for one in in_use)))


def has_own_credential(connection: Connection, repository_id: int) -> bool:
    """Whether a repository's credential came with it and is used by nobody else."""
    c, credential = t.repository.c, t.credential.c
    other = t.repository.alias("other").c
    used = sa.exists().where(other.credential_id == credential.id, other.id != repository_id)
    query = sa.select(
        sa.exists().where(
            c.id == repository_id,
            c.credential_id == credential.id,
            ~credential.options.has_key(NAMED),
            ~used,
        )
    )
    return bool(connection.execute(query).scalar_one())
