"""The line of a finding: column for column, and nothing in it that must not be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.excerpt import MAX_COLUMNS, code_of_line, with_excerpt
from windlass.domain.finding import Finding, FindingType, Severity


def excerpt(content: bytes, line: int = 1, column: int | None = 1) -> str:
    found = Finding("X001", Severity.LOW, FindingType.LINT, "a.py", "m", "", line, column)
    return with_excerpt(found, content).excerpt


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"x = 1", "x = 1"),
        (b"x = 'abc' + y", "x = '**** + y"),
        (b"x = 1  # mine", "x = 1  #*****"),
        (b"\tx\x1b[2J = 1", " x\ufffd[2J = 1"),
        (b"\xef\xbb\xbfx = 1", "x = 1"),
        ("é = 'ü'".encode(), "é = '**"),
        (b"api_key = abc", "api_key = ***"),
        (b'x = f"{login("hunter2")}" + y', "x = f" + '"' + "*" * 23),
        (b'x = f"{a}" + y', 'x = f"**** + y'),
        (b"if token == other:", "if token == other:"),
        (b"x" * MAX_COLUMNS, "x" * MAX_COLUMNS),
        (b"x" * (MAX_COLUMNS + 1), ""),
    ],
)
def test_a_line_is_shown_column_for_column_without_its_literals(content: bytes, shown: str) -> None:
    assert excerpt(content) == shown


@pytest.mark.parametrize(("line", "shown"), [(1, "x = '**"), (2, "***"), (3, "*** + y"), (4, "")])
def test_a_literal_of_several_lines_is_starred_on_each(line: int, shown: str) -> None:
    assert excerpt(b"x = '''\none\n''' + y\n", line) == shown


@pytest.mark.parametrize(("line", "column"), [(0, 1), (9, 2), (1, 7)])
def test_a_place_that_the_file_does_not_have_has_no_excerpt(line: int, column: int) -> None:
    assert excerpt(b"x = 1", line, column) == ""


@given(st.text(max_size=60), st.integers(1, 5))
def test_any_text_has_a_bounded_excerpt_on_one_line(text: str, line: int) -> None:
    shown = excerpt(text.encode("utf-8", "replace"), line, None)

    assert "\n" not in shown
    assert len(shown) <= MAX_COLUMNS


@given(st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\r\0x =y()*…'), min_size=3))
def test_no_string_is_ever_shown(secret: str) -> None:
    source = f'x = y("{secret}")'.encode()

    assert secret not in excerpt(source) + code_of_line(source, 1)
