"""Cron expressions: what Airflow takes passes, and what it refuses is told in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.cron import MAX_LENGTH, wrong_with

BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59), (1970, 2099)]


@pytest.mark.parametrize(
    "expression",
    [
        "@daily",
        "@once",
        "@continuous",
        "0 6 * * *",
        "*/5 8-18 * JAN-DEC mon-FRI",
        "0 0 L * *",
        "0 0 * * L5",
        "0 0 * * 5#2",
        "0 0 15W * ?",
        "0 0 1,15 * 7",
        "30/10 5-23/2 1-L * *",
        "0 0 1 1 0 30",
        "0 0 1 1 * 0 2030",
        "R R(1-5) * * *",
        "59 23 31 DEC Fri",
        "0 22-2 * * *",
    ],
)
def test_what_airflow_takes_has_nothing_wrong(expression: str) -> None:
    assert wrong_with(expression) is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 25 * * *", "'25' is no hour: expected 0 to 23"),
        ("60 * * * *", "'60' is no minute: expected 0 to 59"),
        ("* * 0 * *", "'0' is no day of month: expected 1 to 31"),
        ("* * * foo *", "'foo' is no month: expected 1 to 12"),
        ("*/0 * * * *", "'0' is no step: expected a whole number from 1 on"),
        ("* * * * 5#6", "'6' is not which one in a month: expected 1 to 5"),
        ("* ? * * *", "'?' is for a day of the month or of the week only"),
        ("* * 1,15W * *", "'W' stands for one day alone, not in a list"),
        ("* * * * 1,5#2", "'1,5#2' mixes days with and without '#'"),
        ("1-2-3 * * * *", "'1-2-3' is no minute, and no range of them"),
        ("* * * *", "it has 4 fields: expected 5, or 6 and 7 with seconds and years"),
        ("", "it has 0 fields: expected 5, or 6 and 7 with seconds and years"),
        ("@dayly", "there is no preset '@dayly'"),
        ("* " * 200, f"it has more than {MAX_LENGTH} characters"),
    ],
)
def test_what_airflow_refuses_is_told(expression: str, words: str) -> None:
    assert wrong_with(expression) == words


@given(st.data(), st.integers(5, 7))
def test_every_field_takes_what_lies_in_its_bounds_and_nothing_else(
    data: st.DataObject, length: int
) -> None:
    fields = ["*"] * length
    at = data.draw(st.integers(0, length - 1))
    value = data.draw(st.integers(0, 3000))
    fields[at] = str(value)
    low, high = BOUNDS[at]

    assert (wrong_with(" ".join(fields)) is None) == (low <= value <= high)


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    assert wrong_with(text) is None or wrong_with(text)
