"""When to try again: by kind of failure, spread, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.errors import AppError, Invalid, NotFound, Throttled, Unavailable
from windlass.domain.retry import CAP_S, PERSON_CAP_S, retry_wait_s

AWAY = Unavailable("GIT006", "away")
REFUSED = Invalid("GIT002", "refused")


def waits(error: AppError, interval_s: float) -> list[float]:
    return [retry_wait_s(error, failures, interval_s, 0.5) for failures in range(8)]


def test_what_may_pass_by_itself_is_tried_soon_and_then_twice_as_late_each_time() -> None:
    assert waits(AWAY, 60) == [15, 30, 60, 120, 240, 480, 600, 600]
    assert waits(AWAY, 1) == [1, 2, 4, 8, 16, 32, 64, 128]


def test_what_a_person_must_correct_is_asked_for_less_often() -> None:
    assert waits(REFUSED, 60) == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert waits(NotFound("CRED003", "gone"), 1)[0] == 60


def test_an_interval_above_the_cap_is_never_shortened_for_long() -> None:
    assert retry_wait_s(AWAY, 30, 7200, 0.5) == retry_wait_s(REFUSED, 30, 7200, 0.5) == 7200


@pytest.mark.parametrize(("asked_s", "least_s"), [(300, 300), (1, 15)])
def test_a_host_that_names_a_time_is_given_it(asked_s: float, least_s: float) -> None:
    error = Throttled("GIT021", "slow down", retry_after_s=asked_s)

    assert retry_wait_s(error, 0, 60, 0) == least_s


@given(
    st.sampled_from([AWAY, REFUSED]),
    st.integers(0, 10**6),
    st.floats(1, 86_400),
    st.floats(0, 1),
)
def test_every_wait_is_bounded(error: AppError, failures: int, interval: float, by: float) -> None:
    wait = retry_wait_s(error, failures, interval, by)

    assert 0.8 <= wait <= 1.201 * max(CAP_S, PERSON_CAP_S, interval)
