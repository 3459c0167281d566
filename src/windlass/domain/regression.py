"""Whether a release that Airflow cannot import is rolled back, and why or why not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.observation import SeenImportError
from windlass.domain.options import OnImportError
from windlass.domain.release import ReleaseId

PARSED_AGAIN_AFTER = timedelta(seconds=2)
"""An import may fail for a passing reason. It must fail again in a parse this much later."""
GIVEN_UP_AFTER = timedelta(seconds=60)
"""Where Airflow does not parse the file again, an error that stays this long will do."""


@dataclass(frozen=True, slots=True)
class Regression:
    """Import errors that Airflow shows for files of a release now.

    `first_at`: file → when its error was first met, by Airflow's clock. `waited`: how long ago
    that was told. `before`: files that the release before could not import either. `target`: the
    newest earlier release that was seen live, None where there is none.
    """

    errors: Sequence[SeenImportError]
    first_at: Mapping[str, datetime]
    waited: timedelta
    before: Collection[str]
    is_rollback: bool
    option: OnImportError
    target: ReleaseId | None

    @property
    def new(self) -> list[SeenImportError]:
        """The errors that the release brought."""
        return [error for error in self.errors if error.path not in self.before]


def reason_to_keep(found: Regression) -> str | None:
    """Why the release stays although it fails, or None."""
    if not found.new:
        return "the release before failed there too"
    if found.option is OnImportError.KEEP:
        return "the repository's option on_import_error is keep"
    if found.is_rollback:
        return "it is a rollback itself, so a person must look"
    if found.target is None:
        return "no earlier release was seen live"
    return None


def is_confirmed(found: Regression) -> bool:
    """Whether one of the new errors was met again by a later parse, or stays for long."""
    return found.waited >= GIVEN_UP_AFTER or any(
        error.at - found.first_at.get(error.path, error.at) >= PARSED_AGAIN_AFTER
        for error in found.new
    )


def in_short(error: SeenImportError) -> str:
    """A file and the last line that Airflow says of it.

    >>> at = datetime(2026, 1, 1)
    >>> in_short(SeenImportError("a.py", at, "Traceback …\\nKeyError: 'x'\\n"))
    "a.py: KeyError: 'x'"
    """
    lines = [line.strip() for line in error.text.splitlines() if line.strip()]
    return f"{error.path}: {lines[-1][:200] if lines else 'no text'}"
