"""Holds: no automatic deployment of a repository until they end."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from windlass.domain.errors import Invalid

HoldId = NewType("HoldId", int)

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}
MAX_EXPIRY = timedelta(days=90)


class HoldKind(StrEnum):
    """Why a repository is held. At most one hold of a kind is open at a time."""

    MANUAL = "manual"  # a person asked for it
    REWRITE = "rewrite"  # history was rewritten, or a tag moved
    DELETED_REF = "deleted_ref"  # the ref is gone from the remote
    MOVED_FILES = "moved_files"  # DAG files moved while runs refer to their old place


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold. `head` is the newest head that was known when it began, None where none was.

    A new head that is allowed ends it where `until_new_head` says so. `expires_at` ends nothing:
    it is told once that the hold has lasted longer than it was meant to.
    """

    id: HoldId
    kind: HoldKind
    reason: str
    actor: str
    head: str | None
    until_new_head: bool
    expires_at: datetime | None
    created_at: datetime

    def ends_with(self, head: str) -> bool:
        """Whether an allowed head ends it."""
        return self.until_new_head and self.head != head

    def __str__(self) -> str:
        return f"held by {self.actor}: {self.reason}"


def parse_expiry(text: str) -> timedelta:
    """How long a hold is meant to last, such as `30m`, `4h` or `2d`; Invalid HOLD003 otherwise.

    >>> parse_expiry("4h")
    datetime.timedelta(seconds=14400)
    """
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text.strip())
    expiry = timedelta(seconds=int(match[1]) * _UNITS_S[match[2]]) if match else timedelta()
    if timedelta() < expiry <= MAX_EXPIRY:
        return expiry
    raise Invalid(
        "HOLD003",
        f"expiry {text!r} is not valid: expected a whole number with m, h or d, from 1m to 90d",
        "For example 4h.",
    )
