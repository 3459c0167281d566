from datetime import UTC, datetime, timedelta

import pytest

from windlass.domain.errors import Invalid
from windlass.domain.hold import Hold, HoldId, HoldKind, parse_expiry

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def hold(head: str | None, *, until_new_head: bool) -> Hold:
    return Hold(HoldId(1), HoldKind.MANUAL, "x", "alice", head, until_new_head, None, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m", timedelta(minutes=1)),
        ("4h", timedelta(hours=4)),
        (" 90d ", timedelta(days=90)),
    ],
)
def test_an_expiry_is_a_number_with_a_unit(text: str, expected: timedelta) -> None:
    assert parse_expiry(text) == expected


@pytest.mark.parametrize("text", ["", "0m", "4", "4s", "-4h", "91d", "4h30m", "soon", "9999999h"])
def test_any_other_expiry_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="HOLD003"):
        parse_expiry(text)


@pytest.mark.parametrize(
    ("began_at", "until_new_head", "head", "ends"),
    [
        ("aaa", True, "bbb", True),
        ("aaa", True, "aaa", False),
        ("aaa", False, "bbb", False),
        (None, True, "bbb", True),
    ],
)
def test_only_a_new_head_ends_a_hold_that_waits_for_one(
    began_at: str | None, until_new_head: bool, head: str, ends: bool
) -> None:
    assert hold(began_at, until_new_head=until_new_head).ends_with(head) is ends
