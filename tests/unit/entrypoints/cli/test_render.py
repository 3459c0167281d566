"""Plain text for terminals."""

import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.repository import Health, SyncState
from windlass.entrypoints.cli.render import (
    age,
    badge,
    checkup_lines,
    duration,
    finding_lines,
    print_json,
    say,
    shorten,
    table,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    size = os.terminal_size((30, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: size)


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(seconds=119), "2 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_a_duration_is_told_in_one_unit(passed: timedelta, text: str) -> None:
    assert duration(passed) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "-"),
        ("2026-01-02T03:04:00+00:00", "5 s"),
        ("2026-01-02T04:00:00+01:00", "4 min"),
        ("2026-01-03T00:00:00Z", "0 s"),  # a clock that is ahead
    ],
)
def test_an_age_is_how_long_ago_a_time_was(text: str | None, expected: str) -> None:
    assert age(text, NOW) == expected


@pytest.mark.parametrize("state", [*SyncState, *Health])
def test_every_state_has_a_shape_and_its_word(state: str) -> None:
    shape, word = badge(state).split(" ", 1)

    assert word == state.replace("_", " ").capitalize()
    assert shape in "●◌○◆◇▲"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("longer", 5, "lo…er"),
        ("longest", 6, "lon…st"),
        (" a\n b\t c ", 9, "a b c"),
        ("", 8, ""),
    ],
)
def test_text_is_cut_in_the_middle(text: str, width: int, expected: str) -> None:
    assert shorten(text, width) == expected


@given(st.text(max_size=40), st.integers(2, 20))
def test_shortened_text_fits_on_one_line(text: str, width: int) -> None:
    short = shorten(text, width)

    assert len(short) <= width
    assert len(short.splitlines()) <= 1


def test_a_table_has_columns_under_their_heads() -> None:
    rows = [["dags", "● Live", "first"], ["a", "▲ Behind", ""]]

    assert table(["NAME", "SYNC", "WHY"], rows, flexible=2).splitlines() == [
        "NAME  SYNC      WHY",
        "dags  ● Live    first",
        "a     ▲ Behind",
    ]


def test_the_flexible_column_is_cut_to_the_terminal() -> None:
    rows = [["dags", "x" * 50, "● Live"]]

    lines = table(["NAME", "WHY", "SYNC"], rows, flexible=1).splitlines()

    assert lines[1] == "dags  " + "x" * 8 + "…" + "x" * 7 + "  ● Live"
    assert len(lines[1]) == 30


def test_a_table_without_rows_is_its_heads() -> None:
    assert table(["NAME", "WHY"], [], flexible=1) == "NAME  WHY"


@pytest.mark.parametrize(
    ("place", "hint", "lines"),
    [
        (("a.py", 3, 7), "Close it.", ["SYN001 high  a.py:3:7  broken", "    Close it."]),
        (("a.py", 3, None), "", ["SYN001 high  a.py:3  broken"]),
        (("", None, None), "", ["SYN001 high  (tree)  broken"]),
    ],
)
def test_a_finding_reads_as_from_a_compiler(
    place: tuple[str, int | None, int | None], hint: str, lines: list[str]
) -> None:
    path, line, column = place
    finding = {
        "code": "SYN001",
        "severity": "high",
        "path": path,
        "line": line,
        "column": column,
        "message": "broken",
        "hint": hint,
    }

    assert finding_lines(finding) == lines


@pytest.mark.parametrize(
    ("excerpt", "column", "end_column", "marked"),
    [
        ("x = = 1", 5, 6, "    ^"),
        ("x = = 1", 5, None, "    ^"),
        ("xy = = 1", 1, 3, "^^"),
        ("注文 = = 1", 6, 7, "       ^"),
        ("e\u0301 = = 1", 6, 7, "    ^"),
        ("x = (", 6, None, "     ^"),
    ],
)
def test_carets_stand_below_what_is_meant(
    excerpt: str, column: int, end_column: int | None, marked: str
) -> None:
    finding = {
        "code": "SYN001",
        "severity": "high",
        "path": "a.py",
        "line": 3,
        "column": column,
        "end_column": end_column,
        "excerpt": excerpt,
        "message": "broken",
        "hint": "",
    }

    assert finding_lines(finding)[1:] == [f"  ▸ 3 │ {excerpt}", f"      │ {marked}"]


def test_json_is_printed_as_the_api_gave_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "été", "releases": [1, None]})

    printed = capsys.readouterr().out
    assert "été" in printed
    assert json.loads(printed) == {"name": "été", "releases": [1, None]}


def test_what_is_said_keeps_its_lines_and_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say("a\x1b[31m\nb\u202e")
    say("\x9b2J", err=True)

    assert capsys.readouterr() == ("a\ufffd[31m\nb\ufffd\n", "\ufffd2J\n")


def test_a_cell_of_a_table_stays_on_its_line() -> None:
    assert table(("A", "B"), [("x\ny\x1b", "z")], flexible=1) == "A     B\nx\ufffdy\ufffd  z"


def test_json_for_programs_shows_controls_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"é": "\x1b\x7f\x9b\u202e"})

    assert capsys.readouterr().out == '{\n  "é": "\\u001b\\u007f\\u009b\\u202e"\n}\n'


def test_what_to_do_takes_as_many_lines_as_it_needs() -> None:
    row = {
        "condition": "warning",
        "subject": "backup",
        "found": "none is there",
        "remedy": "Make one, or let a worker make it at night "
        "(WINDLASS_BACKUP_KEEP): windlass backup",
    }

    assert checkup_lines([row]) == [
        "▲ warning  backup  none is there",
        "                   → Make one, or let a worker make it at",
        "                     night (WINDLASS_BACKUP_KEEP): windlass",
        "                     backup",
    ]
