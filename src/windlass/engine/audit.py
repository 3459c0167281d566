"""Tells the audit of a change, and vouches for the audit's head with a key of its own."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from windlass.credentials.signing import SigningKey, is_signed, key_id
from windlass.database.audit import append_audit, find_audit_head
from windlass.database.connection import Database
from windlass.domain.audit import Action, AuditEntry, Head, difference
from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.engine.context import Context, log

_PURPOSE = "windlass.audit.head"
_TOKEN = re.compile(r"windlass-head\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+")


def audited(
    connection: Connection,
    actor: str,
    action: Action,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **facts: Any,
) -> None:
    """Write a change into the audit, in the transaction that makes it: both happen, or neither.

    `subject` is `kind/name`. Of `before` and `after` only what differs is kept; leave out the side
    that does not exist. No value may be a secret: say that a credential changed, not to what.
    Outside of savepoints only: one that is undone takes nothing back here.
    """
    told = {**difference(before, after), **facts}
    append_audit(connection, AuditEntry(actor, action, subject, told))


def sign_head(database: Database, key: SigningKey) -> str | None:
    """The audit's head as one word that can be kept anywhere; None where the audit is empty."""
    with database.transaction() as connection:
        head = find_audit_head(connection)
    if head is None:
        return None
    told = {
        "id": head.id,
        "digest": head.digest,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "key": key_id(key.public),
    }
    body = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return f"windlass-head.{_word(body)}.{_word(key.sign(_PURPOSE, body))}"


def log_head(context: Context) -> None:
    """Write the signed head into the log, which is kept elsewhere; nothing where it is empty."""
    head = sign_head(context.database, context.audit_key)
    if head is not None:
        log.info(Event.AUDIT_HEAD, head=head)


def find_heads(text: str) -> list[str]:
    """Every signed head in a text, such as a log, in order."""
    return _TOKEN.findall(text)


def read_head(token: str, public: bytes) -> Head:
    """The head that this key signed. Raises Invalid AUD001 for what is no head, AUD002 where
    another key signed it, or none."""
    try:
        _, body, signature = token.split(".")
        told = json.loads(base64.urlsafe_b64decode(body))
        head = Head(int(told["id"]), str(told["digest"]))
        signed = is_signed(
            public, _PURPOSE, base64.urlsafe_b64decode(body), base64.urlsafe_b64decode(signature)
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise Invalid(
            "AUD001",
            f"{token[:40]!r} is no signed head of an audit",
            "Take the word that begins with `windlass-head.` from the log, whole.",
        ) from error
    if not signed:
        raise Invalid(
            "AUD002",
            f"the head of row {head.id} was not signed by the key {key_id(public)}",
            f"It names the key {told.get('key')!r}: give that key's public half with --public-key.",
        )
    return head


def _word(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()
