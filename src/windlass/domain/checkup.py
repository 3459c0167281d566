"""What `windlass doctor` and `environment test` find: a line for each thing that was looked at."""

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"  # it works, and may not for long or not for all
    FAILED = "failed"
    UNKNOWN = "unknown"  # it could not be looked at


@dataclass(frozen=True, slots=True)
class Checkup:
    """One thing that was looked at: what was found, and what to do where it is not ok."""

    subject: str
    condition: Condition
    found: str
    remedy: str = ""


def ok(subject: str, found: str) -> Checkup:
    """All is well."""
    return Checkup(subject, Condition.OK, found)


def warning(subject: str, found: str, remedy: str) -> Checkup:
    """It works, with this against it."""
    return Checkup(subject, Condition.WARNING, found, remedy)


def failed(subject: str, found: str, remedy: str) -> Checkup:
    """It does not work."""
    return Checkup(subject, Condition.FAILED, found, remedy)


def unknown(subject: str, found: str, remedy: str = "") -> Checkup:
    """It could not be looked at, and this is why."""
    return Checkup(subject, Condition.UNKNOWN, found, remedy)
