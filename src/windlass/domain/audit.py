"""The audit: who changed what, as rows that form a chain (docs/audit.md).

Every row holds the digest of the row before it, so that a row cannot be changed, removed or moved
without a trace. Only a head that was kept elsewhere tells of a cut tail, or of a chain made anew.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from windlass.domain.digest import digest_json
from windlass.domain.text import plain

GENESIS = "0" * 64
"""What the first row names as the digest before it."""


class Action(StrEnum):
    """What people, or the file, can change; as `subject:action`."""

    REPOSITORY_ADDED = "repository:added"
    REPOSITORY_CHANGED = "repository:changed"
    REPOSITORY_SUSPENDED = "repository:suspended"
    REPOSITORY_RESUMED = "repository:resumed"
    REPOSITORY_REMOVED = "repository:removed"
    REPOSITORY_REMOVAL_CHANGED = "repository:removal_changed"  # whether its DAGs are deleted
    DAGS_DELETED = "dags:deleted"  # in Airflow, of a repository that is removed; before they go
    RELEASE_ROLLBACK_ASKED = "release:rollback_asked"
    RELEASE_APPROVED = "release:approved"
    RELEASE_REJECTED = "release:rejected"
    RELEASE_LIFTED = "release:lifted"  # out of quarantine
    HOLD_BEGUN = "hold:begun"
    HOLD_ENDED = "hold:ended"
    ENVIRONMENT_ADDED = "environment:added"
    ENVIRONMENT_CHANGED = "environment:changed"
    ENVIRONMENT_AIRFLOW_ACCEPTED = "environment:airflow_accepted"  # another one than before
    ENVIRONMENT_REMOVED = "environment:removed"
    CREDENTIAL_ADDED = "credential:added"
    CREDENTIAL_CHANGED = "credential:changed"
    CREDENTIAL_ROTATED = "credential:rotated"
    CREDENTIAL_PUBLISHED = "credential:published"  # as a connection of Airflow
    CREDENTIAL_REMOVED = "credential:removed"
    KEY_MADE = "key:made"
    KEY_ROTATED = "key:rotated"
    REPOSITORY_ADOPTED = "repository:adopted"  # handed from the API to the file
    REPOSITORY_DISOWNED = "repository:disowned"  # handed from the file to the API
    CONFIGURATION_REMOVALS_ALLOWED = "configuration:removals_allowed"
    CONFIGURATION_APPLIED = "configuration:applied"  # windlass.yaml, as a whole
    POLICY_SET = "policy:set"
    POLICY_REMOVED = "policy:removed"
    FINDING_WAIVED = "finding:waived"
    WAIVER_ENDED = "waiver:ended"
    WEBHOOK_ADDED = "webhook:added"
    WEBHOOK_ROTATED = "webhook:rotated"  # its secret
    WEBHOOK_REMOVED = "webhook:removed"
    WEBHOOK_REGISTERED = "webhook:registered"  # at its Git host
    WEBHOOK_REPAIRED = "webhook:repaired"  # there
    PULL_APPROVED = "pull_request:approved"  # a fork's commit may be imported
    DELIVERY_REPLAYED = "delivery:replayed"
    DATABASE_RESTORED = "database:restored"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change to be told: `subject` is `kind/name`, as in `repository/team-dags`."""

    actor: str
    action: Action
    subject: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A link of the chain. `id` counts from 1 without gaps; `action` may be one of a newer code."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: Mapping[str, Any]
    previous: str
    digest: str

    @property
    def digest_due(self) -> str:
        """The digest that this row must have by its content."""
        content = {name: value for name, value in self.to_json().items() if name != "digest"}
        return digest_json(content)

    def to_json(self) -> dict[str, Any]:
        """As it is exported; the time in UTC with microseconds, always."""
        return asdict(self) | {"at": self.at.astimezone(UTC).isoformat(timespec="microseconds")}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "AuditRow":
        """The inverse of `to_json`; KeyError, TypeError or ValueError where it is no row."""
        return cls(**{**row, "at": datetime.fromisoformat(row["at"])})


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row at some time: with it the chain before is fixed."""

    id: int
    digest: str


def link(before: Head | None, entry: AuditEntry, at: datetime) -> AuditRow:
    """The row of `entry` after the row `before`; None where it is the first."""
    known = before or Head(0, GENESIS)
    row = AuditRow(
        known.id + 1,
        at,
        plain(entry.actor),
        entry.action.value,
        plain(entry.subject),
        _storable(entry.facts),
        known.digest,
        digest="",
    )
    return AuditRow.from_json({**row.to_json(), "digest": row.digest_due})


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Mapping[str, Any]]:
    """What a change changed, by side: of two sides only what differs, of one everything.

    >>> difference({"path": ".", "url": "a"}, {"path": ".", "url": "b"})
    {'before': {'url': 'a'}, 'after': {'url': 'b'}}
    """
    if before is None or after is None:
        sides = {"before": before, "after": after}
        return {name: side for name, side in sides.items() if side is not None}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {
        "before": {name: before[name] for name in names if name in before},
        "after": {name: after[name] for name in names if name in after},
    }


def breaks(rows: Iterable[AuditRow], heads: Iterable[Head] = ()) -> Iterator[str]:
    """Every place where the chain is broken, in words: rows in the order they were given, from
    the first, then heads that it does not hold."""
    wanted = {head.id: head.digest for head in heads}
    last = Head(0, GENESIS)
    for row in rows:
        if row.id > last.id + 1:
            yield f"rows {last.id + 1} to {row.id - 1} are missing"
        elif row.id <= last.id:
            yield f"row {row.id} comes after row {last.id}"
        elif row.previous != last.digest:
            yield f"row {row.id} does not follow row {last.id}: one of them was replaced"
        if row.digest != row.digest_due:
            yield f"row {row.id} was changed after it was written"
        signed = wanted.pop(row.id, row.digest)
        if signed != row.digest:
            yield f"row {row.id} is not the one that was signed: the chain was made anew"
        last = Head(row.id, row.digest)
    for missing in sorted(wanted):
        yield f"row {missing} was signed and is not there: the chain ends at row {last.id}"


def _storable(value: Any) -> Any:
    """`value` as PostgreSQL's JSON gives it back, character by character; no NUL, no float."""
    if is_dataclass(value) and not isinstance(value, type):
        return _storable(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(one) for one in value]
    if value is None or isinstance(value, bool | int):
        return value
    return plain(str(value), block=True)
