"""Patterns: they mean what Python's do, in time that the text alone decides."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.errors import Invalid
from windlass.domain.pattern import glob, regex, words

_ATOMS = st.sampled_from(
    ["a", "b", "-", r"\.", ".", "[ab]", "[^a]", "[a-c_-]", r"\w", r"\d", r"\S"]
)
_COUNTS = st.sampled_from(["", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{2,3}"])
_PARTS = st.recursive(
    st.builds("{}{}".format, _ATOMS, _COUNTS),
    lambda inner: st.builds(
        "({}){}".format, st.lists(inner, max_size=3).map("|".join) | inner, _COUNTS
    ),
    max_leaves=3,
)
PATTERNS = st.lists(_PARTS, max_size=3).map("".join)


@given(pattern=PATTERNS, text=st.text("abc-._1", max_size=5))
def test_a_pattern_means_what_python_says(pattern: str, text: str) -> None:
    assert regex(pattern).matches(text) == bool(re.fullmatch(pattern, text, re.DOTALL))


def test_a_pattern_that_python_never_ends_takes_no_time() -> None:
    slow = regex("(a+)+(a|aa)*$")
    began = time.process_time()

    assert not slow.matches("a" * 2000 + "!")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a{", "a**", r"\1", "(?=a)", "a{2,1}", "*a", "(a{900}){900}", "[b-a]", "a^b"],
)
def test_what_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid) as refused:
        regex(pattern)

    assert refused.value.code == "POL001"


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.py", "a.py", True),
        ("*.py", "a/b.py", False),
        ("**/*.py", "b.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("legacy/**", "legacy/a/b.py", True),
        ("legacy/**", "legacyb.py", False),
        ("a?.py", "a/.py", False),
        ("a.py", "axpy", False),
        ("(a)+[b].py", "(a)+[b].py", True),
    ],
)
def test_a_glob_is_about_a_whole_path(pattern: str, path: str, matches: bool) -> None:
    assert glob(pattern).matches(path) is matches


@given(st.text(max_size=10))
def test_text_without_stars_means_itself(text: str) -> None:
    plain = text.replace("*", "").replace("?", "")

    assert words(plain).matches(plain)
    assert glob(plain).matches(plain)
    assert words("*").matches(text)
