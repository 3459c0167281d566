"""From what imports gave to findings."""

from dataclasses import replace

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.import_findings import import_findings, told_once
from windlass.domain.imported import Asked, Deed, Imported, ImportStatus, Problem, Trouble
from windlass.domain.inventory import Declared, Inventory
from windlass.domain.names import Kind

ASKED = (Asked("variable", "rates", "orders.py", 3),)
WANTING = Imported(
    ImportStatus.INDETERMINATE,
    problems=(Problem(Trouble.VALUE, "KeyError: 'rates'", "orders.py", 3),),
    asked=ASKED,
)
NO_MODULE = Imported(
    ImportStatus.FAILED,
    problems=(
        Problem(Trouble.ERROR, "ModuleNotFoundError: No module named 'company.x'", "a.py", 1),
    ),
)


def told(one: Imported, inventory: Inventory | None = None) -> list[tuple[str, Severity]]:
    found = import_findings({"orders.py": one}, inventory or Inventory())
    return [(f.code, f.severity) for f in found]


def test_what_ends_well_and_asks_for_nothing_tells_nothing() -> None:
    assert told(Imported(ImportStatus.OK, ("orders",))) == []


def test_a_value_that_nobody_knows_of_is_advice() -> None:
    assert told(WANTING) == [("IMP003", Severity.MEDIUM)]


def test_a_value_that_the_environment_lacks_for_certain_denies() -> None:
    complete = Inventory(Declared(complete=frozenset({Kind.VARIABLE})))

    assert told(WANTING, complete) == [("IMP011", Severity.HIGH)]


def test_a_value_that_the_environment_has_is_advice() -> None:
    names = {Kind.VARIABLE: frozenset({"rates"})}
    complete = Inventory(Declared(names, complete=frozenset({Kind.VARIABLE})))

    assert told(WANTING, complete) == [("IMP003", Severity.MEDIUM)]


def test_a_module_that_airflow_finds_elsewhere_is_advice() -> None:
    elsewhere = Inventory(Declared(modules=frozenset({"company"})))

    assert told(NO_MODULE) == [("IMP001", Severity.HIGH)]
    assert told(NO_MODULE, elsewhere) == [("IMP004", Severity.MEDIUM)]


def test_a_bad_helper_is_told_once_however_many_files_import_it() -> None:
    bad = Imported(
        ImportStatus.FAILED,
        problems=(Problem(Trouble.ERROR, "NameError: name 'y' is not defined", "rates.py", 2),),
    )

    assert import_findings({"a.py": bad, "b.py": bad}) == [
        Finding(
            "IMP001",
            Severity.HIGH,
            FindingType.IMPORT,
            "rates.py",
            "importing it fails: NameError: name 'y' is not defined",
            "Airflow would show an import error, and no DAG of the file.",
            2,
        )
    ]


def test_one_line_that_does_many_things_is_told_once_for_each_kind() -> None:
    deeds = tuple(Deed("network", event, "a.py", 4) for event in ("urllib.Request", "socket"))

    assert told(Imported(ImportStatus.OK, deeds=deeds)) == [("DID002", Severity.HIGH)]


def test_a_file_that_takes_longer_than_the_policy_allows_is_told() -> None:
    def codes(seconds: float, budget_s: float) -> list[str]:
        slow = {"slow.py": Imported(ImportStatus.OK, seconds=seconds)}
        return [finding.code for finding in import_findings(slow, budget_s=budget_s)]

    assert [codes(2.5, 2), codes(2.0, 2), codes(2.5, 0)] == [["POL105"], [], []]


def test_a_module_that_is_missing_is_told_once_with_the_better_hint() -> None:
    shown = Finding("IMP001", Severity.HIGH, FindingType.IMPORT, "a.py", "No module", "?", 3)
    expected = Finding("PKG001", Severity.HIGH, FindingType.DEPENDENCY, "a.py", "x", "Install.", 3)
    others = [replace(expected, line=4), replace(expected, path="b.py")]

    assert told_once([shown, expected, *others]) == [replace(shown, hint="Install."), *others]
    assert told_once([expected, *others]) == [expected, *others]
