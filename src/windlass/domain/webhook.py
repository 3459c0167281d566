"""A webhook: an address that a Git host calls, for one repository."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from urllib.parse import urlsplit

from windlass.domain.alias import alias_of
from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import Invalid

WebhookId = NewType("WebhookId", int)

MIN_SECRET = 16
MAX_SECRET = 200
MAX_KEEP = timedelta(days=30)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SECRET = re.compile(r"[\x21-\x7e]+")
# A word in the name of the host, and what it is likely to be; the first that fits counts.
_LIKELY = (
    ("github", ForgeKind.GITHUB),
    ("gitlab", ForgeKind.GITLAB),
    ("bitbucket.org", ForgeKind.BITBUCKET),
    ("bitbucket", ForgeKind.BITBUCKET_SERVER),
    ("gitea", ForgeKind.GITEA),
    ("forgejo", ForgeKind.GITEA),
    ("codeberg.org", ForgeKind.GITEA),
    ("gogs", ForgeKind.GOGS),
    ("dev.azure.com", ForgeKind.AZURE_DEVOPS),
    ("visualstudio.com", ForgeKind.AZURE_DEVOPS),
)


class HookState(StrEnum):
    """Whether the host calls as it should."""

    UNHEARD = "unheard"  # no call was ever believed
    HEARD = "heard"
    SILENT = "silent"  # a poll found a push of which no call told


@dataclass(frozen=True, slots=True)
class Hook:
    """When a webhook was last heard, and since when it is told to be silent."""

    kind: ForgeKind
    heard_at: datetime | None
    silent_at: datetime | None

    @property
    def state(self) -> HookState:
        if self.silent_at is not None:
            return HookState.SILENT
        return HookState.UNHEARD if self.heard_at is None else HookState.HEARD


@dataclass(frozen=True, slots=True)
class SecretNote:
    """When a secret began to be valid, and until when it is; None: until it is rotated."""

    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secrets; those that are valid now are noted, the oldest first."""

    id: WebhookId
    repository: str
    hook: Hook
    address: str
    created_by: str
    created_at: datetime
    secrets: tuple[SecretNote, ...]

    @property
    def kind(self) -> ForgeKind:
        return self.hook.kind


def likely_kind(url: str) -> ForgeKind:
    """Whose host a remote is likely to be, by its name; Invalid HOOK011 where nobody can tell.

    >>> likely_kind("git@gitlab.example:team/dags.git")
    <ForgeKind.GITLAB: 'gitlab'>
    """
    host = (alias_of(url) or "").split("/")[0]
    for word, kind in _LIKELY:
        if word in host:
            return kind
    raise Invalid(
        "HOOK011",
        f"the host {host or urlsplit(url).netloc!r} does not tell what kind of Git host it is",
        f"Name it with --kind: {', '.join(ForgeKind)}.",
    )


def check_secret(secret: str) -> str:
    """A secret that somebody brings, if it will do; Invalid HOOK012 says what is asked of one."""
    if MIN_SECRET <= len(secret) <= MAX_SECRET and _SECRET.fullmatch(secret):
        return secret
    raise Invalid(
        "HOOK012",
        f"the secret cannot be used: expected {MIN_SECRET} to {MAX_SECRET} printable characters of "
        "ASCII without spaces",
        "Leave it out, and a good one is made.",
    )


def parse_keep(text: str) -> timedelta:
    """How long an older secret stays valid, such as `24h`; Invalid HOOK017 above 30 days.

    >>> parse_keep("24h")
    datetime.timedelta(days=1)
    """
    match = re.fullmatch(r"([0-9]{1,7})([smhd])", text.strip())
    keep = timedelta(seconds=int(match[1]) * _UNITS_S[match[2]]) if match else None
    if keep is None or keep > MAX_KEEP:
        raise Invalid(
            "HOOK017",
            f"{text!r} is not how long the older secret may stay valid: expected a whole number "
            "with s, m, h or d, up to 30d",
            "For example 24h; 0s ends it at once.",
        )
    return keep
