"""JUnit, Markdown, JSON and text: whole values, and text that cannot break out of its place."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.entrypoints.reports.conftest import BROKEN, CLASH, LARGE, subject_of
from windlass.domain.finding import Severity
from windlass.domain.report import Report
from windlass.entrypoints.reports.junit import as_junit
from windlass.entrypoints.reports.markdown import MAX_ISSUES, as_markdown
from windlass.entrypoints.reports.subject import Subject, outcome
from windlass.entrypoints.reports.text import as_text


def test_junit_has_a_test_for_each_file_and_one_for_the_tree(subject: Subject) -> None:
    suite = ET.fromstring(as_junit(subject))[0]

    told = {case.get("name"): [part.tag for part in case] for case in suite.iter("testcase")}
    assert told == {
        "(tree)": ["failure"],
        "dags/etl/A|b`.py": ["system-out"],
        "dags/etl/good.py": [],
        "dags/etl/orders.py": ["failure"],
    }
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")


@given(st.text(max_size=20))
def test_junit_is_xml_whatever_a_file_says(text: str) -> None:
    suite = ET.fromstring(as_junit(subject_of(replace(BROKEN, message=text, path=text or "a"))))

    assert suite.get("failures") == "1"


def test_markdown_has_a_row_for_each_finding(subject: Subject) -> None:
    assert as_markdown(subject).splitlines() == [
        "### ▲ Windlass: dags",
        "",
        "Denied: 2 findings must be mended, and 1 piece of advice.",
        "",
        "| | Code | Where | What | What to do |",
        "|-|-|-|-|-|",
        "| ▲ denies, critical | SYN001 | `dags/etl/orders.py:2:9` | "
        "'\\(' was never closed in 'with DAG\\(…' | Mend it. |",
        "| ▲ denies, high | INT008 | `(tree)` | the tree is too large | Less. |",
        "| ○ advice, medium | INT006 | `` dags/etl/A\\|b`.py `` | differs from \\<a\\> | "
        "Rename it. |",
        "",
        "<sub>3 files with 1 dag_id, under the grammar of Python 3.12.4, in 0.2 s. "
        "2 DAG files imported (namespaces).</sub>",
    ]


@given(st.text(max_size=20))
def test_no_message_leaves_its_cell_in_markdown(text: str) -> None:
    rows = as_markdown(subject_of(replace(BROKEN, message=text))).splitlines()

    [row] = [r for r in rows if "SYN001" in r]
    assert len(row.replace("\\\\", "").replace("\\|", "").split("|")) == 7
    assert "@" not in row.replace("@\u200b", "")


def test_markdown_is_cut_to_what_a_comment_holds() -> None:
    many = [replace(BROKEN, line=number) for number in range(1, MAX_ISSUES + 4)]

    assert "And 3 more: `windlass check` on a terminal shows all." in as_markdown(subject_of(*many))


def test_text_shows_the_worst_last_and_paths_from_here(subject: Subject) -> None:
    assert as_text(subject).splitlines() == [
        "INT006 medium  ../dags/etl/A|b`.py  differs from <a>",
        "    Rename it.",
        "",
        "INT008 high  (tree)  the tree is too large",
        "    Less.",
        "",
        "SYN001 critical  ../dags/etl/orders.py:2:9  '(' was never closed in 'with DAG(…'",
        "  ▸ 2 │ with DAG('*******",
        "      │         ^",
        "    Mend it.",
        "",
        "Denied: 2 findings must be mended, and 1 piece of advice.",
        "  3 files with 1 dag_id, under the grammar of Python 3.12.4, in 0.2 s. "
        "2 DAG files imported (namespaces).",
    ]


def test_a_report_is_a_scan_result() -> None:
    report = subject_of(BROKEN).report.to_json()

    [issue] = report.pop("issues")
    counts = {"critical": 1, "high": 0, "medium": 0, "low": 0, "info": 0}
    assert report == {
        "passed": False,
        "verdict": "denied",
        "stats": {"issues": 1, "denying": 1, "excused": 0, **counts},
        "validated": True,
        "kept": {},
        "omitted": {},
    }
    assert issue == {
        **BROKEN.to_json(),
        "rule": "SYN001",
        "fix": BROKEN.hint,
        "denies": True,
    }


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (Report(True, True, ()), "Allowed: everything would be deployed."),
        (
            Report(True, True, (), {"a": 1}, {"b": None}),
            "Allowed in part: 2 files would not be deployed as they are (0 findings).",
        ),
        (
            subject_of(replace(CLASH, severity=Severity.LOW)).report,
            "Allowed: everything would be deployed, and 1 piece of advice.",
        ),
        (subject_of(LARGE).report, "Denied: 1 finding must be mended."),
    ],
)
def test_the_outcome_is_one_sentence(report: Report, words: str) -> None:
    assert outcome(replace(subject_of(), report=report)) == words
