"""How far another clock is ahead, from dates in whole seconds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.clock import MAX_AHEAD, RESOLUTION, SLOW, Ahead, RemoteClock

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
OFFSETS = st.floats(-3000, 3000).map(lambda s: timedelta(seconds=s))
MOMENTS = st.lists(st.floats(0, 900), min_size=1, max_size=40)


def clock(offset: timedelta, moments: list[float], trip: timedelta = 5 * MS) -> RemoteClock:
    """One that was asked at these moments; it says whole seconds, as HTTP's dates do."""
    remote = RemoteClock()
    for moment in moments:
        asked_at = NOON + timedelta(seconds=moment)
        said = (asked_at + offset).replace(microsecond=0)
        remote.note(said, asked_at=asked_at, answered_at=asked_at + trip)
    return remote


@given(OFFSETS, MOMENTS)
def test_a_correction_is_nothing_or_never_too_small(
    offset: timedelta, moments: list[float]
) -> None:
    ahead = clock(offset, moments).ahead()

    assert ahead == timedelta() or offset <= ahead <= offset + RESOLUTION
    assert ahead != timedelta() or abs(offset) <= RESOLUTION


@given(MOMENTS)
def test_clocks_that_agree_are_not_corrected(moments: list[float]) -> None:
    assert clock(timedelta(), moments).ahead() == timedelta()


def test_a_clock_that_was_set_is_known_after_one_answer() -> None:
    remote = clock(timedelta(), [1, 2, 3])

    remote.note(NOON + timedelta(minutes=5), asked_at=NOON, answered_at=NOON)

    assert remote.ahead() == timedelta(minutes=5) + RESOLUTION


@pytest.mark.parametrize("trip", [SLOW + MS, -MS])
def test_an_answer_that_took_long_says_nothing(trip: timedelta) -> None:
    assert clock(timedelta(minutes=5), [1], trip).ahead() == timedelta()


def test_a_correction_is_bounded() -> None:
    assert clock(timedelta(days=1), [1]).ahead() == MAX_AHEAD
    assert clock(timedelta(days=-1), [1]).ahead() == -MAX_AHEAD


def test_a_clock_that_was_never_asked_is_not_corrected() -> None:
    hour = timedelta(hours=1)

    assert RemoteClock().ahead(of=Ahead(hour, hour)) == timedelta()


@given(MOMENTS, st.floats(0, 5), st.floats(0, 5))
def test_a_third_clock_that_is_read_slowly_makes_no_skew(
    moments: list[float], before: float, after: float
) -> None:
    asked_at, answered_at = NOON - timedelta(seconds=before), NOON + timedelta(seconds=after)
    database = Ahead.from_answer(NOON, asked_at=asked_at, answered_at=answered_at)

    assert clock(timedelta(), moments).ahead(of=database) == timedelta()
