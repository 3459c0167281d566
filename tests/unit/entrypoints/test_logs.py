"""Log lines as a terminal and as a program get them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from windlass.entrypoints.logs import LogFormat, configure_logs

HOSTILE = "a\x1b[2J\u202eb\nforged"


@pytest.fixture(autouse=True)
def _logging_is_as_before_afterwards() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("windlass")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    root.handlers = []  # configure_logs closes those it finds
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    structlog.reset_defaults()


def log(form: LogFormat) -> None:
    configure_logs(form, "worker")
    structlog.get_logger("windlass.x").info("repository:added", actor=HOSTILE, missing=[HOSTILE])


def test_a_terminal_gets_one_line_that_cannot_steer_it(capsys: pytest.CaptureFixture[str]) -> None:
    log("console")

    written = capsys.readouterr().err
    assert "actor=a\ufffd[2J\ufffdb\ufffdforged" in written
    assert (written.count("\n"), {"\x1b", "\u202e"} & set(written)) == (1, set())


def test_a_stack_trace_keeps_its_lines_and_nothing_that_steers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("console", "worker")
    error = ValueError(HOSTILE)
    logging.getLogger("library").error(HOSTILE, exc_info=error)

    written = capsys.readouterr().err
    assert "a\ufffd[2J\ufffdb\ufffdforged" in written.splitlines()[0]
    assert "\nValueError: a\ufffd[2J\ufffdb\nforged\n" in written
    assert {"\x1b", "\u202e"} & set(written) == set()


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_stack_trace_has_no_values_of_variables(
    capsys: pytest.CaptureFixture[str], form: LogFormat
) -> None:
    def fail(number: int) -> float:
        password = "hunter" + str(number)
        return len(password) / (number - number)

    configure_logs(form, "worker")
    try:
        fail(2)
    except ZeroDivisionError:
        structlog.get_logger("windlass.x").exception("sync:failed")

    written = capsys.readouterr().err
    assert ("ZeroDivisionError" in written, "hunter2" in written) == (True, False)


def test_a_program_gets_the_values_as_they_were_in_ascii(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log("json")

    written = capsys.readouterr().err
    assert json.loads(written)["actor"] == HOSTILE
    assert written.isascii()
