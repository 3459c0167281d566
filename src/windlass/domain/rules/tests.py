"""Rules of the family tests: what the repository's own tests say."""

from windlass.domain.finding import FindingType, Severity
from windlass.domain.rule import Files, Rule, Waiving

_DAG = "from airflow.sdk import DAG\n\nwith DAG('orders'):\n    pass\n"
_GOOD = {
    "orders.py": _DAG,
    "test_orders.py": "import orders\n\n\ndef test_it_is_there() -> None:\n    assert orders\n",
}


def _rule(  # noqa: PLR0917  # as Rule has them
    code: str,
    severity: Severity,
    what: str,
    why: str,
    mend: str,
    bad: Files,
    waiving: Waiving = Waiving.CONTROL,
    *,
    of_engine: bool = False,
) -> Rule:
    return Rule(
        code=code,
        family="tests",
        type=FindingType.TESTS,
        severity=severity,
        what=what,
        why=why,
        mend=mend,
        bad=bad,
        good=_GOOD,
        waiving=waiving,
        untried="it needs the option tests, and pytest beside Airflow",
        of_engine=of_engine,
    )


RULES = (
    _rule(
        "TST001",
        Severity.HIGH,
        "A test fails",
        "The repository says itself what must hold, and it does not.",
        "Run it as Windlass does: `windlass check PATH --tests`. What is different there from your "
        "machine is in docs/testing.md: no network, no processes, no environment.",
        {"orders.py": _DAG, "test_orders.py": "def test_sum() -> None:\n    assert 1 + 1 == 3\n"},
    ),
    _rule(
        "TST002",
        Severity.HIGH,
        "The tests of a file cannot be collected",
        "A file that pytest cannot import tests nothing.",
        "Mend the file; what it imports must be installed beside Airflow.",
        {"orders.py": _DAG, "test_orders.py": "import no_such_module\n"},
    ),
    _rule(
        "TST003",
        Severity.HIGH,
        "The tests were not run to their end",
        "They took too long, ended their process or took too much memory, or pytest did not begin. "
        "What was not run to its end did not pass.",
        "The finding says which. The option tests_limit_s gives tests more time.",
        {"orders.py": _DAG, "test_orders.py": "def test_it() -> None:\n    while True: ...\n"},
    ),
    _rule(
        "TST004",
        Severity.CRITICAL,
        "The interpreter has no pytest",
        "The option tests asks for tests, and nothing can run them.",
        "Install pytest in the environment's interpreter, or switch the option off.",
        _GOOD,
    ),
    _rule(
        "TST005",
        Severity.LOW,
        "There are no tests",
        "The option tests is on, and pytest finds nothing to run.",
        "Write a test: that the DAGs are there is a beginning.",
        {"orders.py": _DAG},
    ),
    _rule(
        "TST006",
        Severity.CRITICAL,
        "The tests could not be run",
        "The sandbox does not start, or this host does not confine it as well as is asked for. "
        "Windlass looks again by itself, at growing intervals.",
        "The finding says why; `windlass doctor` tries it.",
        _GOOD,
        Waiving.NEVER,
        of_engine=True,
    ),
)
