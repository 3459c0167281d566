"""When a release that Airflow cannot import is rolled back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.observation import SeenImportError
from windlass.domain.options import OnImportError
from windlass.domain.regression import (
    GIVEN_UP_AFTER,
    PARSED_AGAIN_AFTER,
    Regression,
    in_short,
    is_confirmed,
    reason_to_keep,
)
from windlass.domain.release import ReleaseId

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
ERROR = SeenImportError("a.py", AT, "Traceback\n  File …\nNameError: name 'x' is not defined\n")
FOUND = Regression(
    errors=[ERROR],
    first_at={"a.py": AT},
    waited=timedelta(seconds=3),
    before=frozenset(),
    is_rollback=False,
    option=OnImportError.ROLL_BACK,
    target=ReleaseId(6),
)


def again(after: timedelta, path: str = "a.py") -> SeenImportError:
    return SeenImportError(path, AT + after, ERROR.text)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (FOUND, None),
        (replace(FOUND, before={"a.py"}), "the release before failed there too"),
        (replace(FOUND, before={"b.py"}), None),
        (
            replace(FOUND, option=OnImportError.KEEP),
            "the repository's option on_import_error is keep",
        ),
        (replace(FOUND, is_rollback=True), "it is a rollback itself, so a person must look"),
        (replace(FOUND, target=None), "no earlier release was seen live"),
    ],
)
def test_a_release_is_kept_for_a_reason_only(found: Regression, reason: str | None) -> None:
    assert reason_to_keep(found) == reason


@pytest.mark.parametrize(
    ("errors", "waited", "confirmed"),
    [
        ([ERROR], timedelta(seconds=3), False),  # seen twice, but met once
        ([again(PARSED_AGAIN_AFTER - TICK)], timedelta(seconds=3), False),
        ([again(PARSED_AGAIN_AFTER)], timedelta(seconds=3), True),
        ([ERROR], GIVEN_UP_AFTER - TICK, False),
        ([ERROR], GIVEN_UP_AFTER, True),  # nobody parsed it again
        ([again(PARSED_AGAIN_AFTER, "new.py")], timedelta(seconds=3), False),
    ],
)
def test_an_error_must_be_met_again_by_a_later_parse_or_stay_for_long(
    errors: list[SeenImportError], waited: timedelta, confirmed: bool
) -> None:
    assert is_confirmed(replace(FOUND, errors=errors, waited=waited)) is confirmed


def test_an_error_that_the_release_before_had_confirms_nothing() -> None:
    old = again(PARSED_AGAIN_AFTER)
    found = replace(FOUND, errors=[old, again(timedelta(), "b.py")], before={"a.py"})

    assert not is_confirmed(found)


def test_an_error_is_quoted_by_its_last_line() -> None:
    assert in_short(ERROR) == "a.py: NameError: name 'x' is not defined"
    assert in_short(SeenImportError("a.py", AT, " \n")) == "a.py: no text"
