"""What files name, by a plain reading and by importing them, against an inventory."""

from dataclasses import replace

from tests.unit.examples import artifact
from windlass.checks.inventory import reference_findings
from windlass.domain.artifact import Artifact
from windlass.domain.imported import Seen, Use
from windlass.domain.inventory import Declared, Inventory
from windlass.domain.names import Kind

COMPLETE = Inventory(Declared(complete=frozenset(Kind)))
FILE = "from airflow.sdk import DAG, task\ndag = DAG('a')\n"


def told(text: str, *uses: Use) -> list[tuple[str, str, str, int]]:
    tree = artifact({"a.py": FILE + text, "b.py": FILE})
    outline = tree.dag_files["a.py"].with_imported(("a",), Seen(uses=uses))
    entry = replace(tree.files["a.py"], outline=outline)
    found = reference_findings(Artifact({**tree.files, "a.py": entry}), COMPLETE)
    return [(one.code, str(one.severity), one.path, one.line or 0) for one in found]


def use(name: str, line: int, last: int, path: str = "a.py") -> Use:
    return Use("connection", name, has_default=False, path=path, line=line, last=last)


def test_a_name_that_only_the_import_shows_is_compared() -> None:
    assert told("", use("crm", 7, 9, "b.py")) == [("REF001", "high", "b.py", 7)]


def test_a_name_that_is_written_is_told_once_at_its_line() -> None:
    text = "d = O(\n  task_id='x',\n  conn_id='crm',\n)\n"

    assert told(text, use("crm", 3, 6)) == [("REF001", "high", "a.py", 5)]


def test_a_name_that_the_import_resolves_is_not_told_to_be_unknown() -> None:
    text = "d = O(\n  task_id='x',\n  conn_id=name(),\n)\n"

    assert told(text) == [("REF004", "info", "a.py", 5)]
    assert told(text, use("crm", 3, 6)) == [("REF001", "high", "a.py", 3)]
    assert told(text, use("crm", 8, 9))[0] == ("REF004", "info", "a.py", 5)
