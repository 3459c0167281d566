"""Errors: what they print, and that the tree at the head of the module is the real one."""

import inspect
import re

import pytest

from windlass.domain import errors
from windlass.domain.errors import AppError, Invalid, LeaseLost, Unavailable


def drawn_tree(text: str) -> dict[str, str]:
    """Class → the class it is drawn below."""
    drawn: dict[str, str] = {"AppError": "Exception"}
    by_depth = {0: "AppError"}
    for row in re.finditer(r"^([│ ]*)[├└]── (\w+)", text, re.MULTILINE):
        depth = len(row[1]) // 4 + 1
        drawn[row[2]] = by_depth[depth - 1]
        by_depth[depth] = row[2]
    return drawn


def test_the_tree_that_is_drawn_is_the_tree_that_is_raised() -> None:
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, AppError)
    }

    assert drawn_tree(errors.__doc__ or "") == real


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Invalid("GIT001", "no such host", "Look again."), "GIT001 no such host Look again."),
        (Invalid("GIT001", "no such host"), "GIT001 no such host"),
        (LeaseLost("dags"), "SYNC001 another worker took over the sync of 'dags'"),
    ],
)
def test_an_error_prints_code_message_and_hint(error: AppError, text: str) -> None:
    assert str(error) == text


def test_an_unavailable_service_says_when_to_ask_again() -> None:
    first, second = Unavailable("A", "b"), Unavailable("A", "b", retry_after_s=2)

    assert (first.retry_after_s, second.retry_after_s) == (30.0, 2)


def test_a_lost_lease_is_a_conflict() -> None:
    assert LeaseLost.__mro__[1].__name__ == "Conflict"
