"""ruff, as Windlass calls it: nothing in a repository silences it, and its failures are told."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.domain.finding import Severity
from windlass.sandbox.checker import Checker
from windlass.sandbox.lint import Linted, Linter

BAD = b"from airflow.sdk import DAG\nwith DAG('a'):\n    print(nothing)\n"
FOUND = ("F821", 3)
PYTHON = "3.12.1"


def codes(linted: Linted) -> dict[str, list[tuple[str, int]]]:
    return {path: [(row[0], row[3]) for row in rows] for path, rows in linted.rows.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def program(folder: Path, script: str) -> Path:
    """A ruff of our own."""
    path = folder / "ruff"
    head = "import os, sys, time\nfiles = sys.argv[sys.argv.index('--') + 1:]"
    path.write_text(f"#!{sys.executable}\n{head}\n{script}")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "path",
    [
        "a.py",
        "dist/a.py",
        "build/a.py",
        ".venv/lib/python3.12/site-packages/a.py",
        "node_modules/a.py",
        ".git/a.py",
        "tests/a.py",
        "-o.py",
        "a b\nc.py",
        "../../a.py",
    ],
)
def test_no_folder_and_no_name_hides_a_file(path: str) -> None:
    assert codes(Linter().lint({path: BAD}, PYTHON, 3)) == {path: [FOUND]}


@pytest.mark.parametrize(
    "content",
    [
        BAD + b"# ruff: noqa\n",
        b"# ruff: noqa: F821\n" + BAD,
        BAD.replace(b"(nothing)", b"(nothing)  # noqa"),
        BAD.replace(b"(nothing)", b"(nothing)  # type: ignore # noqa: F821"),
        b"# flake8: noqa\n" + BAD,
    ],
)
def test_no_comment_silences_it(content: bytes) -> None:
    files = {"a.py": content, "pyproject.toml": b"[tool.ruff]\nexclude = ['*']\n"}

    assert codes(Linter().lint(files, PYTHON, 3))["a.py"][-1][0] == "F821"


@pytest.mark.parametrize(("airflow", "found"), [(2, []), (3, ["AIR301"]), (None, ["AIR301"])])
def test_what_airflow_3_changed_counts_from_airflow_3_on(
    airflow: int | None, found: list[str]
) -> None:
    content = b"from airflow.sdk import DAG\nDAG('a', schedule_interval=None)\n"

    rows = Linter().lint({"a.py": content}, PYTHON, airflow).rows.get("a.py", [])

    assert [row[0] for row in rows] == found


def test_the_grammar_is_that_of_the_environments_python() -> None:
    content = b'x = 1\nprint(f"{x!r:{"a"}}", nothing)\n'

    assert codes(Linter().lint({"a.py": content}, "3.12.0", 3)) == {"a.py": [("F821", 2)]}


def test_a_linter_that_is_missing_is_told_of_every_file(folder: Path) -> None:
    linted = Linter(folder / "nowhere").lint({"a.py": BAD, "b.py": BAD}, PYTHON, 3)

    assert linted.failed == dict.fromkeys(
        ("a.py", "b.py"), "ruff does not start: FileNotFoundError"
    )


def test_the_file_of_which_it_dies_is_named_and_the_others_are_looked_at(folder: Path) -> None:
    script = "if any(b'deadly' in open(f, 'rb').read() for f in files): os.abort()\nprint('[]')\n"
    files = {f"{n}.py": b"x = 1" for n in range(9)} | {"bad.py": b"deadly = 1"}

    linted = Linter(program(folder, script)).lint(files, PYTHON, 3)

    assert linted.failed == {"bad.py": "ruff ended with -6"}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("time.sleep(60)", "ruff took too long"),
        ("print('no JSON')", "ruff's answer is none"),
        ("sys.exit(2)", "ruff ended with 2"),
    ],
)
def test_a_linter_that_fails_says_how(folder: Path, script: str, why: str) -> None:
    linted = Linter(program(folder, script), limit_s=1.0).lint({"a.py": BAD}, PYTHON, 3)

    assert linted.failed == {"a.py": why}


def test_after_some_deaths_the_rest_is_not_tried(folder: Path) -> None:
    linted = Linter(program(folder, "os.abort()")).lint(
        {f"{n}.py": b"" for n in range(64)}, PYTHON, 3
    )

    assert len(linted.failed) == 64


@pytest.fixture
def broken(folder: Path) -> Iterator[Checker]:
    """A Checker whose ruff always dies."""
    made = Checker(Path(sys.executable), size=1, linter=program(folder, "os.abort()"))
    yield made
    made.close()


def test_a_file_that_was_not_linted_is_denied_and_says_why(broken: Checker) -> None:
    judged = broken.judge_files({"a.py": b"x = 1\n"}, ("lint",))["a.py"]

    assert [(f.code, f.severity, f.message) for f in judged.findings] == [
        ("LINT001", Severity.CRITICAL, "ruff ended with -6, so the file was not linted")
    ]


def test_without_the_family_it_is_not_asked(broken: Checker) -> None:
    assert broken.judge_files({"a.py": b"x = 1\n"}, ("security",))["a.py"].findings == ()


def test_a_token_without_its_quotes_is_not_told_whole() -> None:
    checker = Checker(Path(sys.executable), size=1)
    try:
        content = b"TOKEN = glpatZk3vQ9xT1mB7nR5cW8yL\n"
        (found,) = checker.judge_files({"a.py": content}, ("lint",))["a.py"].findings
    finally:
        checker.close()

    assert (found.message, found.excerpt) == ("Undefined name `glpa…`", f"TOKEN = {'*' * 25}")
