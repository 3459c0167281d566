"""Versions as PEP 440 orders them, and requirements that want some of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.versions import satisfies


@pytest.mark.parametrize(
    ("version", "wants"),
    [
        ("2.1.4", ""),
        ("2.1.4", "==2.1.4"),
        ("2.1", "==2.1.0"),
        ("2.1.4", "==2.1.*"),
        ("2.1.4", ">=2,<3"),
        ("2.1.4", "~=2.1"),
        ("2.1.4", "~=2.1.2"),
        ("2.1.4", "!=2.1.3"),
        ("2.1.4.post1", ">2.1.3"),
        ("3.0.0", ">3.0.0rc1"),
        ("3.0.0rc1", "<3.0.0"),
        ("3.0.0.dev1", "<3.0.0a1"),
        ("1!1.0", ">2"),
        ("2.1.4+local", ">=2.1.4"),
        ("1.0.0", "== 1"),
    ],
)
def test_a_version_is_one_of_those_wanted(version: str, wants: str) -> None:
    assert satisfies(version, wants) is True


@pytest.mark.parametrize(
    ("version", "wants"),
    [
        ("2.1.4", "==2.2.0"),
        ("2.1.4", "==2.2.*"),
        ("2.1.4", ">=2.2"),
        ("2.1.4", "<2"),
        ("2.1.4", "~=2.2"),
        ("2.1.4", "~=2.1.5"),
        ("3.0.0", "~=2.1"),
        ("2.1.4", "!=2.1.*"),
        ("2.1.4", ">=2,<2.1"),
        ("10.0", "<9"),
    ],
)
def test_a_version_is_none_of_those_wanted(version: str, wants: str) -> None:
    assert satisfies(version, wants) is False


@pytest.mark.parametrize(
    "wants", ["===2.1.4", "@ https://example.org/x.whl", ">=abc", "~=2", "=>2"]
)
def test_of_anything_unusual_nothing_is_said(wants: str) -> None:
    assert satisfies("2.1.4", wants) is None


_NUMBERS = st.lists(st.integers(0, 99), min_size=1, max_size=4)


@given(_NUMBERS, _NUMBERS)
def test_of_two_versions_one_is_older_or_they_are_one(one: list[int], other: list[int]) -> None:
    a, b = ".".join(map(str, one)), ".".join(map(str, other))

    answers = [satisfies(a, f"{sign}{b}") for sign in ("<", "==", ">")]

    assert sorted(map(bool, answers)) == [False, False, True]
    assert satisfies(a, f">={b}") is (answers[0] is False)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_texts_are_judged(version: str, wants: str) -> None:
    assert satisfies(version, wants) in (True, False, None)
