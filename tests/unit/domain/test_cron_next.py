"""When plain cron expressions are due next."""

from datetime import UTC, datetime

import pytest

from windlass.domain.cron_next import next_moment

AFTER = datetime(2024, 2, 28, 12, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("expression", "timezone", "expected"),
    [
        ("0 3 * * *", "UTC", "2024-02-29T03:00"),
        ("*/20 * * * *", "UTC", "2024-02-28T12:40"),
        ("30 12 * * *", "UTC", "2024-02-29T12:30"),
        ("31 12 28 2 *", "UTC", "2024-02-28T12:31"),
        ("0 0 29 2 *", "UTC", "2024-02-29T00:00"),
        ("0 0 30 2 *", "UTC", None),
        ("0 9 * * 1-5", "UTC", "2024-02-29T09:00"),
        ("0 9 * * 7", "UTC", "2024-03-03T09:00"),
        ("0 9 1 * 4", "UTC", "2024-02-29T09:00"),  # either the first, or a Thursday
        ("5-10/5,50 */6 * * *", "UTC", "2024-02-28T12:50"),
        ("@hourly", "UTC", "2024-02-28T13:00"),
        ("@quarterly", "UTC", "2024-04-01T00:00"),
        ("0 3 * * *", "Asia/Tokyo", "2024-02-28T18:00"),
        ("0 3 * * *", "Nowhere/Town", None),
        ("0 3 * * MON", "UTC", None),
        ("0 3 L * *", "UTC", None),
        ("0 25 * * *", "UTC", None),
        ("5-1 * * * *", "UTC", None),
        ("0 3 * *", "UTC", None),
        ("every 1h", "UTC", None),
    ],
)
def test_the_next_moment(expression: str, timezone: str, expected: str | None) -> None:
    found = next_moment(expression, timezone, AFTER)

    assert (found and found.isoformat()[:16]) == expected


def test_an_hour_that_the_clock_skips_is_passed_over() -> None:
    before = datetime(2024, 3, 31, 0, 0, tzinfo=UTC)

    found = next_moment("30 2 * * *", "Europe/Berlin", before)

    assert found == datetime(2024, 4, 1, 0, 30, tzinfo=UTC)
