"""Whether a file compiles: where it does not, at which place, and without telling its literals."""

import warnings
from pathlib import Path

import pytest

from windlass.checks.files import check_file
from windlass.checks.syntax import parse_python
from windlass.domain.artifact import Outline
from windlass.domain.finding import Finding, FindingType, Severity

ORDERS = b"from airflow.sdk import DAG\nwith DAG('orders'):\n    pass\n"
SECRET = "hunter2"


def test_a_good_file_has_no_finding_and_an_outline() -> None:
    findings, outline = check_file("orders.py", ORDERS, ())

    assert findings == []
    assert outline is not None
    assert outline.dag_ids == ("orders",)


def test_a_file_that_was_not_parsed_has_an_empty_outline() -> None:
    assert check_file("a.py", b"x = (", ())[1] == Outline()


def test_a_broken_file_has_one_finding_at_its_place() -> None:
    source = b"from airflow.sdk import DAG\n\nwith DAG('orders'\n    pass\n"

    assert parse_python("team/orders.py", source) == (
        [
            Finding(
                "SYN001",
                Severity.CRITICAL,
                FindingType.SYNTAX,
                "team/orders.py",
                "'(' was never closed in 'with DAG(…'",
                "Mend it; `python -m py_compile FILE` says the same. "
                "Its DAGs would vanish from Airflow.",
                line=3,
                column=9,
                excerpt="with DAG('*******",
            )
        ],
        None,
    )


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("x = = 1", "a.py:1:5"),
        ("x = 1\n\nif x:\ny = 2", "a.py:4:1"),
        ("x = 1\r\rx y", "a.py:3:3"),
        ("x = 1\r\n\r\nx y", "a.py:3:3"),
        ("äöü x", "a.py:1:5"),
        ("return 1", "a.py:1:1"),
        ("def f():\n    yield from await g()", "a.py:2:16"),
        ("from __future__ import tomorrow", "a.py:1:1"),
        (f"x = {'1' * 5000}", "a.py:1"),
    ],
)
def test_the_place_of_an_error_is_where_it_is(source: str, place: str) -> None:
    findings, _ = parse_python("a.py", source.encode())

    assert [finding.place for finding in findings] == [place]


@pytest.mark.parametrize(
    "source",
    [
        "PASSWORD = 'hunter2",
        "PASSWORD = 'hunter2' oops",
        'PASSWORD = "hunter2" oops',
        "connect(user 'alice', 'hunter2')",
        "PASSWORD = '''hunter2",
        'PASSWORD = """\nhunter2""" oops',
        'PASSWORD = """\nhunter2\n""" oops',
        'PASSWORD = ("""\nhunter2"""]',
        'PASSWORD = """\nhunter2""" \u201c',
        "PASSWORD = ('a\\\nhunter2']",
        "PASSWORD = b'hunter2\u00e9'",
        "PASSWORD = f'hunter2 {a b}'",
        'PASSWORD = f"""\nhunter2 {a b}\n"""',
        "PASSWORD = f'{\"hunter2\" b}'",
        "PASSWORD =  # hunter2",
        'PASSWORD = hunter2"',
        "PASSWORD = hunter2 oops",
        "{db_token: hunter2 oops}",
        "'''it's''' + 'hunter2' oops",
        "x = 'a\\\\' 'hunter2' oops",
        "x = \"'\" 'hunter2' oops",
        "x = '''\\''' hunter2''' oops",
        "# it's\nx = 'hunter2' oops",
    ],
)
def test_a_literal_is_never_quoted(source: str) -> None:
    findings, _ = parse_python("a.py", source.encode())

    assert [finding.code for finding in findings] == ["SYN001"]
    assert SECRET not in findings[0].message + findings[0].hint + findings[0].excerpt


def test_the_line_is_quoted_up_to_its_first_literal() -> None:
    source = "'''It's a doc.'''\nx = 1  # it's fine\nwith DAG(id 'x') as y:\n    pass\n"

    findings, _ = parse_python("a.py", source.encode())

    assert findings[0].message == "invalid syntax in 'with DAG(id …'"


def test_a_long_line_is_quoted_in_part() -> None:
    findings, _ = parse_python("a.py", ("x y" + " + z" * 99).encode())

    assert findings[0].message == "invalid syntax in " + repr(("x y" + " + z" * 99)[:80])


def test_a_file_of_the_same_name_on_this_machine_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks for the line of an error in the file system, by the name it was given."""
    (tmp_path / "a.py").write_text("local = stolen\n" * 3)
    monkeypatch.chdir(tmp_path)

    findings, _ = parse_python("a.py", b"x = (")

    assert findings[0].message == "'(' was never closed in 'x = ('"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("1+" * 50_000 + "1", "RecursionError"),
        ("-" * 50_000 + "1", "MemoryError"),
    ],
)
def test_a_file_that_is_nested_too_deeply_has_a_finding(source: str, name: str) -> None:
    findings, module = parse_python("a.py", source.encode())

    assert [(f.code, f.place, f.message) for f in findings] == [
        ("SYN002", "a.py", f"Python gives up on the file: {name}")
    ]
    assert module is None


def test_a_warning_of_the_compiler_is_no_finding() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert parse_python("a.py", b"x = '\\d'\nassert (x, 1)\n")[0] == []


def test_the_future_of_our_own_modules_does_not_reach_the_file() -> None:
    source = b"from __future__ import annotations\nx: int = 1\n"

    assert parse_python("a.py", source)[0] == []
    assert parse_python("a.py", b"\xef\xbb\xbfx = 1\n")[0] == []
