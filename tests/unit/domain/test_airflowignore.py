"""What .airflowignore hides. tests/integration/test_airflowignore.py asks Airflow itself."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.airflowignore import IgnoredBy, ignored_files

PATHS = ["a.py", "b.py", "old/a.py", "old/deep/c.py", "new/a.py"]


def hidden(text: str, paths: list[str] = PATHS) -> list[str]:
    return sorted(ignored_files(paths, {".airflowignore": text}))


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("# a.py", []),
        ("a.py", ["a.py", "new/a.py", "old/a.py"]),
        ("/a.py", ["a.py"]),
        ("old", ["old/a.py", "old/deep/c.py"]),
        ("old/", ["old/a.py", "old/deep/c.py"]),
        ("a.py/", []),
        ("old/*.py", ["old/a.py"]),
        ("old/**", ["old/a.py", "old/deep/c.py"]),
        ("**/deep", ["old/deep/c.py"]),
        ("old/**/c.py", ["old/deep/c.py"]),
        ("[ab].py", ["a.py", "b.py", "new/a.py", "old/a.py"]),
        ("?.py  # all", ["a.py", "b.py", "new/a.py", "old/a.py", "old/deep/c.py"]),
        ("*.py\n!b.py", ["a.py", "new/a.py", "old/a.py", "old/deep/c.py"]),
        ("old\n!old/a.py", ["old/a.py", "old/deep/c.py"]),  # Airflow does not enter it
        (".*a\\.py", []),  # a regular expression hides nothing
        ("[a.py", []),
    ],
)
def test_a_pattern_hides_what_gitignore_says(text: str, paths: list[str]) -> None:
    assert hidden(text) == paths


def test_the_line_that_hides_a_file_is_named() -> None:
    texts = {".airflowignore": "x\n", "old/.airflowignore": "# past\n\ndeep/\n"}

    assert ignored_files(PATHS, texts) == {
        "old/deep/c.py": IgnoredBy("old/.airflowignore", 3, "deep/")
    }


def test_a_deeper_file_has_the_last_word() -> None:
    texts = {".airflowignore": "a.py\n", "old/.airflowignore": "!a.py\n"}

    assert sorted(ignored_files(PATHS, texts)) == ["a.py", "new/a.py"]


def test_a_pattern_made_to_stall_a_regular_expression_does_not() -> None:
    began = time.process_time()

    assert hidden("*a" * 200 + "b", ["a" * 250]) == []
    assert hidden("**/" * 60 + "x", ["/".join("a" * 60)]) == []
    assert time.process_time() - began < 1


@given(st.text("ab*?[]!\\/#. -", max_size=12), st.lists(st.sampled_from(PATHS), unique=True))
def test_any_text_is_read(text: str, paths: list[str]) -> None:
    assert set(ignored_files(paths, {".airflowignore": text})) <= set(paths)
