"""What people do with webhooks: add one, give it another secret, remove it."""

import secrets

from windlass.database.webhooks import (
    add_secret,
    add_webhook,
    get_webhook,
    list_webhooks,
    remove_webhooks,
)
from windlass.domain.audit import Action
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Invalid
from windlass.domain.webhook import Webhook, check_secret, likely_kind, parse_keep
from windlass.engine.audit import audited
from windlass.engine.context import Context
from windlass.engine.workable import get_workable

KEEP = "24h"
"""How long the secret before a rotation stays valid, so that the host can be given the new one."""


def add(
    context: Context, name: str, kind: str | None, *, secret: str | None, actor: str
) -> tuple[Webhook, str]:
    """Give a repository an address that its Git host may call; the webhook and its secret, which is
    given back this once. `kind` None: by the name of the host.

    Raises Invalid HOOK004, HOOK011 and HOOK012, Conflict HOOK010 where there is one of that kind,
    and what `get_workable` raises.
    """
    chosen = check_secret(secret) if secret is not None else secrets.token_urlsafe(32)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        forge = likely_kind(repository.url) if kind is None else check_kind(kind)
        add_webhook(
            connection,
            repository,
            forge,
            address=secrets.token_urlsafe(16),
            ciphertext=context.keyring.encrypt(chosen),
            actor=actor,
        )
        subject = f"repository/{name}"
        audited(connection, actor, Action.WEBHOOK_ADDED, subject, kind=forge)
        return get_webhook(connection, repository, forge), chosen


def rotate(
    context: Context, name: str, kind: str, *, keep: str, secret: str | None, actor: str
) -> tuple[Webhook, str]:
    """Give a webhook another secret; the ones before it stay valid for `keep`. Raises NotFound
    HOOK013, Invalid HOOK004, HOOK012 and HOOK017."""
    keep_for = parse_keep(keep)
    chosen = check_secret(secret) if secret is not None else secrets.token_urlsafe(32)
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        found = get_webhook(connection, repository, check_kind(kind))
        add_secret(connection, found.id, context.keyring.encrypt(chosen), keep_for)
        subject = f"repository/{name}"
        audited(
            connection, actor, Action.WEBHOOK_ROTATED, subject, kind=found.kind, older_valid=keep
        )
        return get_webhook(connection, repository, found.kind), chosen


def remove(context: Context, name: str, kind: str, *, actor: str) -> None:
    """Remove a webhook: nobody may call it any more. Raises NotFound HOOK013, Invalid HOOK004."""
    with context.database.transaction() as connection:
        repository = get_workable(connection, name)
        found = get_webhook(connection, repository, check_kind(kind))
        remove_webhooks(connection, repository.id, found.kind)
        audited(connection, actor, Action.WEBHOOK_REMOVED, f"repository/{name}", kind=found.kind)


def list_of(context: Context, name: str | None = None) -> list[Webhook]:
    """All webhooks, or those of one repository."""
    with context.database.transaction() as connection:
        if name is None:
            return list_webhooks(connection)
        return list_webhooks(connection, get_workable(connection, name).id)


def check_kind(text: str) -> ForgeKind:
    """The kind of Git host of that name; Invalid HOOK004 names them."""
    try:
        return ForgeKind(text)
    except ValueError:
        raise Invalid(
            "HOOK004", f"{text!r} is no kind of Git host", f"There are: {', '.join(ForgeKind)}."
        ) from None
