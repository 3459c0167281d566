"""One report with every kind of finding, as all formats are given it."""

import pytest

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.imported import ImportNote
from windlass.domain.policy import Policy, decide
from windlass.domain.report import Report
from windlass.entrypoints.reports.subject import Subject

BROKEN = Finding(
    "SYN001",
    Severity.CRITICAL,
    FindingType.SYNTAX,
    "etl/orders.py",
    "'(' was never closed in 'with DAG(…'",
    "Mend it.",
    2,
    9,
    None,
    "with DAG('*******",
)
CLASH = Finding(
    "INT006", Severity.MEDIUM, FindingType.INTAKE, "etl/A|b`.py", "differs from <a>", "Rename it."
)
LARGE = Finding("INT008", Severity.HIGH, FindingType.INTAKE, "", "the tree is too large", "Less.")


def subject_of(*findings: Finding) -> Subject:
    report = Report.of(decide(findings, Policy()), Policy())
    return Subject(
        report=report,
        name="dags",
        prefix="dags/",
        here="../dags/",
        python="3.12.4",
        imports=ImportNote(tier="namespaces", files=2, again=2),
        files=("etl/A|b`.py", "etl/good.py", "etl/orders.py"),
        dag_ids=("good",),
        seconds=0.25,
    )


@pytest.fixture
def subject() -> Subject:
    return subject_of(BROKEN, CLASH, LARGE)
