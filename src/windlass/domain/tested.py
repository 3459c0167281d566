"""What running a repository's own tests gave, and what is told of it."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from windlass.domain.finding import Finding, FindingType, Severity

MAX_TOLD = 100
"""Failing tests that are told one by one."""
_MEND = "Mend the test, or what it tests."
_IN_SANDBOX = "Tests have no network, no processes and little to write in there: docs/testing.md."


class SuiteEnd(StrEnum):
    """How a run of tests ended."""

    PASSED = "passed"
    FAILED = "failed"  # a test, or a file that holds some
    NONE = "none"  # there were no tests
    MISSING = "missing"  # the interpreter has no pytest
    REFUSED = "refused"  # pytest did not begin: it does not understand its configuration
    TIME = "time"
    ENDED = "ended"  # the process ended, or did not say what came of it


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed, or with an empty `name` a file whose tests could not be collected.
    `path` counts from the top of the repository."""

    name: str
    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What came of running the tests of one tree. `why` says in words what was in the way of a run
    to the end; `tier` is how it was confined."""

    end: SuiteEnd
    passed: int = 0
    skipped: int = 0
    failed: int = 0
    deselected: int = 0
    failures: tuple[FailedTest, ...] = ()
    why: str = ""
    seconds: float = 0.0
    tier: str = ""

    @property
    def is_lasting(self) -> bool:
        """Whether the same tree would give it again, so that it may be remembered."""
        return self.end in (SuiteEnd.PASSED, SuiteEnd.FAILED, SuiteEnd.NONE)

    def __str__(self) -> str:
        if self.end not in (SuiteEnd.PASSED, SuiteEnd.FAILED):
            return _ENDS[self.end]
        counts = {"failed": self.failed, "skipped": self.skipped, "deselected": self.deselected}
        told = [f"{self.passed} passed", *(f"{n} {word}" for word, n in counts.items() if n)]
        uncollected = sum(not one.name for one in self.failures)
        told += [f"{uncollected} file{'s' * (uncollected > 1)} not collected"] * bool(uncollected)
        return f"tests: {', '.join(told)} ({self.tier})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "SuiteResult":
        failures = tuple(FailedTest(**one) for one in row["failures"])
        return cls(**{**row, "end": SuiteEnd(row["end"]), "failures": failures})


_ENDS = {
    SuiteEnd.NONE: "no tests found",
    SuiteEnd.MISSING: "tests not run: no pytest",
    SuiteEnd.REFUSED: "tests not run",
    SuiteEnd.TIME: "tests not run to their end",
    SuiteEnd.ENDED: "tests not run to their end",
}


def tested_findings(tested: SuiteResult, below: str) -> list[Finding]:
    """Everything to tell of a run; `below` is the DAG root, from which paths are told."""
    return [*_of_failures(tested, below), *_of_end(tested)]


def _of_failures(tested: SuiteResult, below: str) -> Iterator[Finding]:
    for one in tested.failures[:MAX_TOLD]:
        path = path_from(one.path, below)
        hint = _IN_SANDBOX if "PermissionError" in one.message else _MEND
        if one.name:
            words = f"the test {one.name.removeprefix(f'{one.path}::')} fails: {one.message}"
            yield _finding("TST001", Severity.HIGH, words, hint, path, one.line)
        else:
            words = f"its tests cannot be collected: {one.message}"
            yield _finding("TST002", Severity.HIGH, words, hint, path, one.line)
    more = tested.failed - sum(bool(one.name) for one in tested.failures[:MAX_TOLD])
    if more > 0:
        yield _finding("TST001", Severity.HIGH, f"{more} more tests fail", _MEND)


def _of_end(tested: SuiteResult) -> Iterator[Finding]:
    if tested.end is SuiteEnd.NONE:
        hint = "Write some, or switch the option tests off."
        yield _finding("TST005", Severity.LOW, "pytest finds no tests", hint)
    elif tested.end is SuiteEnd.MISSING:
        words = f"the tests were not run: {tested.why}"
        hint = "Install pytest beside Airflow, in the environment's interpreter."
        yield _finding("TST004", Severity.CRITICAL, words, hint)
    elif tested.end not in (SuiteEnd.PASSED, SuiteEnd.FAILED):
        words = f"the tests were not run to their end: {tested.why}"
        hint = "Run them as docs/testing.md says. The option tests_limit_s gives them more time."
        yield _finding("TST003", Severity.HIGH, words, hint)


def path_from(path: str, below: str) -> str:
    """A path of the repository, from its DAG root.

    >>> path_from("dags/tests/test_a.py", "dags"), path_from("tests/test_a.py", "dags")
    ('tests/test_a.py', '../tests/test_a.py')
    """
    return posixpath.relpath(path, below or ".")


def _finding(  # noqa: PLR0917  # as Finding has them
    code: str, severity: Severity, words: str, hint: str, path: str = "", line: int | None = None
) -> Finding:
    return Finding(code, severity, FindingType.TESTS, path, words, hint, line)
