"""What the findings of a verdict leave to be looked at again."""

from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.served import Memory


def finding(code: str, path: str) -> Finding:
    return Finding(code, Severity.LOW, FindingType.STRUCTURE, path, "said", "do")


def test_what_depends_on_a_file_alone_is_told_again_without_looking() -> None:
    found = [finding(code, "a.py") for code in ("AIR311", "STR011", "POD013", "REF005")]

    assert Memory.of(found) == Memory({"a.py": tuple(found)})


def test_what_is_found_out_for_each_tree_makes_no_file_be_read_again() -> None:
    found = [finding(c, "a.py") for c in ("PKG001", "REF003", "STR012", "IMP009", "POL102")]

    assert Memory.of(found) == Memory()


def test_files_with_findings_of_intake_and_versions_that_moved_are_looked_at_again() -> None:
    memory = Memory.of([finding("INT005", "x.zip")], moved=["b.py"])

    assert memory == Memory(recheck=frozenset({"x.zip", "b.py"}))
