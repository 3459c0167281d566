"""What a backup says of itself."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
STORE = "store.json"
KEYS = "keys.sealed"


@dataclass(frozen=True, slots=True)
class Member:
    """A part of the backup: its SHA-256 and its size."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first member. `postgres` is the server's major version; `audit_head` is None where the
    audit was empty; `settings` are for people to compare."""

    format: int
    windlass: str
    schema: str
    postgres: int
    made_at: str
    newest_release: int
    repositories: int
    audit_head: str | None
    settings: Mapping[str, Any]
    members: Mapping[str, Member]

    @property
    def has_keys(self) -> bool:
        return KEYS in self.members

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Manifest":
        """The inverse of `to_json`; ValueError, KeyError, TypeError or AttributeError where it is
        none of this format."""
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}; expected {FORMAT}")
        members = {name: Member(**one) for name, one in found["members"].items()}
        if not all(re.fullmatch(r"[a-z.]+", name) for name in members) or DUMP not in members:
            raise ValueError(f"unknown members {sorted(members)}")
        return cls(**{**found, "members": members})


def newest_slot(now: datetime, hour: int) -> datetime:
    """The newest time at or before `now` when a nightly backup was due.

    >>> newest_slot(datetime(2026, 11, 21, 1, 59, tzinfo=UTC), 2).isoformat()
    '2026-11-20T02:00:00+00:00'
    """
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)
