"""What is told of a run of a repository's own tests."""

import pytest

from windlass.domain import tested
from windlass.domain.finding import Severity
from windlass.domain.tested import FailedTest, SuiteEnd, SuiteResult


def told(result: SuiteResult, below: str = "") -> list[tuple[str, Severity, str, str, int | None]]:
    return [
        (one.code, one.severity, one.path, one.message, one.line)
        for one in tested.tested_findings(result, below)
    ]


def test_a_file_whose_tests_cannot_be_collected_is_told_from_the_dag_root() -> None:
    failed = FailedTest("", "tests/test_a.py", 1, "No module named 'x'")
    result = SuiteResult(SuiteEnd.FAILED, passed=3, failures=(failed,))

    words = "its tests cannot be collected: No module named 'x'"
    assert told(result, "dags") == [("TST002", Severity.HIGH, "../tests/test_a.py", words, 1)]


@pytest.mark.parametrize(
    ("end", "why", "code", "severity", "words"),
    [
        (SuiteEnd.NONE, "", "TST005", Severity.LOW, "pytest finds no tests"),
        (
            SuiteEnd.MISSING,
            "no pytest",
            "TST004",
            Severity.CRITICAL,
            "the tests were not run: no pytest",
        ),
        (
            SuiteEnd.TIME,
            "over 9 s",
            "TST003",
            Severity.HIGH,
            "the tests were not run to their end: over 9 s",
        ),
        (
            SuiteEnd.ENDED,
            "it died",
            "TST003",
            Severity.HIGH,
            "the tests were not run to their end: it died",
        ),
    ],
)
def test_a_run_that_proves_nothing_denies_but_where_there_are_no_tests(
    end: SuiteEnd, why: str, code: str, severity: Severity, words: str
) -> None:
    assert told(SuiteResult(end, why=why)) == [(code, severity, "", words, None)]
