"""Credentials: names and ciphertext. What opens the ciphertext is not in the database."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Connection

from windlass.database import tables as t


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A user name and the encrypted password."""

    username: str
    ciphertext: bytes


def put_credential(connection: Connection, name: str, stored: StoredCredential) -> None:
    """Add the credential, or replace the one of that name."""
    values = {"username": stored.username, "ciphertext": stored.ciphertext}
    query = insert(t.credential).values(name=name, kind="basic", **values)
    connection.execute(query.on_conflict_do_update(index_elements=["name"], set_=values))


def find_credential(connection: Connection, name: str) -> StoredCredential | None:
    """The credential of that name, or None."""
    columns = t.credential.c
    query = sa.select(columns.username, columns.ciphertext).where(columns.name == name)
    row = connection.execute(query).one_or_none()
    return StoredCredential(row.username, row.ciphertext) if row else None
