"""Ranges of versions, beside what they say in full."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.ref import Ref, RefKind
from windlass.domain.semver import Range, read_range, version_in

NUMBERS = st.integers(0, 30)
VERSIONS = st.tuples(NUMBERS, NUMBERS, NUMBERS)


def text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def is_in(version: tuple[int, int, int], pattern: str) -> bool:
    found = read_range(pattern)
    assert isinstance(found, Range)
    return found.holds(f"v{text(version)}")


@given(VERSIONS, VERSIONS)
def test_bounds_compare_as_numbers_do(
    version: tuple[int, int, int], at: tuple[int, int, int]
) -> None:
    told = [is_in(version, f"{operator}{text(at)}") for operator in (">=", ">", "<=", "<", "=")]

    assert told == [version >= at, version > at, version <= at, version < at, version == at]


@given(VERSIONS, VERSIONS)
def test_a_caret_keeps_the_first_number_that_is_not_0(
    version: tuple[int, int, int], at: tuple[int, int, int]
) -> None:
    kept = next((n for n, part in enumerate(at) if part), 2) + 1

    assert is_in(version, f"^{text(at)}") == (version >= at and version[:kept] == at[:kept])


@given(VERSIONS, VERSIONS)
def test_a_tilde_keeps_the_first_two_numbers(
    version: tuple[int, int, int], at: tuple[int, int, int]
) -> None:
    assert is_in(version, f"~{text(at)}") == (version >= at and version[:2] == at[:2])


@given(VERSIONS, NUMBERS, NUMBERS)
def test_bounds_of_two_numbers_are_about_all_that_begin_with_them(
    version: tuple[int, int, int], first: int, second: int
) -> None:
    at = (first, second)
    told = [is_in(version, f"{operator}{text(at)}") for operator in (">=", ">", "<=", "<", "=")]

    short = version[:2]
    assert told == [short >= at, short > at, short <= at, short < at, short == at]


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_none(pattern: str) -> None:
    found = read_range(pattern)

    assert found is None or not found.holds("nothing")
    assert version_in(pattern) is None or found is None or pattern.startswith(found.lead)


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [("^1.2", "refs/tags/*"), ("dags/v^1", "refs/tags/dags/v*"), ("v*", "refs/tags/v*")],
)
def test_a_remote_is_asked_for_all_tags_that_can_be_in_the_range(pattern: str, asked: str) -> None:
    ref = Ref(RefKind.TAG_PATTERN, pattern)

    assert (ref.full_name, ref.prefix) == (asked, asked[:-1])
