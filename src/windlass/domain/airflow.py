"""What an Airflow says of itself, and what the versions can and cannot do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

OLDEST = (3, 1)
NEWEST_SEEN = (3, 3)
_LACKS = {
    (3, 1): (
        "runs cannot be asked for by bundle version: old releases stay in the store for ever",
        "import errors are counted once for each DAG of their file",
    ),
    (3, 2): ("import errors cannot be asked for by bundle: all of them are read",),
}
"""What a supported version lacks beside the newest, as it was seen in its source."""


@dataclass(frozen=True, slots=True)
class AirflowStatus:
    """GET /api/v2/monitor/health: component → (its status, its last heartbeat); None where a
    component has never run."""

    components: Mapping[str, tuple[str | None, datetime | None]] = field(default_factory=dict)

    @property
    def ill(self) -> tuple[str, ...]:
        """The components that ran once and are not well now, by name."""
        known = {name: status for name, (status, _) in self.components.items() if status}
        return tuple(sorted(name for name, status in known.items() if status != "healthy"))

    @property
    def is_parsing(self) -> bool:
        """Whether the DAG processor is well."""
        return self.components.get("dag_processor", (None, None))[0] == "healthy"


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor of an Airflow version.

    >>> parse_version("3.3.2")
    (3, 3)
    """
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def version_words(text: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the `bundle` target works with this version, and what to know about it.

    >>> version_words("2.11.2")[0]
    False
    >>> version_words("3.3.2")
    (True, ())
    """
    version = parse_version(text)
    if version is None:
        return False, (f"{text!r} is no version of Airflow",)
    if version < (3, 0):
        return False, ("Airflow 2 has no DAG bundles; use the target folder",)
    if version < OLDEST:
        return False, (
            "Airflow 3.0 cannot run the provider; use 3.1 or newer, or the target folder",
        )
    if version > NEWEST_SEEN:
        newest = ".".join(map(str, NEWEST_SEEN))
        return True, (f"newer than {newest}, the newest that Windlass was tried with",)
    return True, _LACKS.get(version, ())
