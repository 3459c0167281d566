"""The gate's specification by example: tests/cases/gate/<family>/<case>, a tree beside what the
gate says of it in expected.json.

There, `installed` and `inventory` are what the environment has, `airflow` what it said of each
kind, `served` the files that the tree replaces.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from windlass.checks.files import check_file
from windlass.checks.intake import is_read
from windlass.checks.known import Known
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.families import FAMILIES
from windlass.domain.finding import Finding
from windlass.domain.installed import Installed
from windlass.domain.inventory import Declared, Inventory, Listing
from windlass.domain.names import Kind

GATE = Path(__file__).parents[1] / "cases" / "gate"
CASES = sorted(path.parent for path in GATE.glob("*/*/expected.json"))
NAMES = [family.name for family in FAMILIES]
KINDS = {family.name: family.finds for family in FAMILIES}


def files_of(case: Path) -> dict[str, bytes]:
    tree = case / "tree"
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }


def build(files: Mapping[str, bytes]) -> tuple[Artifact, list[Finding]]:
    """The artifact of some files, and what is said of each."""
    judged = {p: check_file(p, c, NAMES) for p, c in files.items() if is_read(p, c)}
    entries = {
        path: FileEntry(
            path,
            0o444,
            hashlib.sha256(content).hexdigest(),
            "",
            len(content),
            judged[path][1] if path in judged else None,
        )
        for path, content in files.items()
    }
    return Artifact(entries), [f for findings, _ in judged.values() for f in findings]


def known_of(said: Mapping[str, Any]) -> Known:
    installed = None
    if given := said.get("installed"):
        installed = Installed(
            given["python"],
            frozenset(given["modules"]),
            frozenset(given["namespaces"]),
            given["distributions"],
            given["owners"],
        )
    airflow = {
        Kind(kind): Listing(
            None if one["names"] is None else frozenset(one["names"]),
            problem=one.get("problem", ""),
        )
        for kind, one in said.get("airflow", {}).items()
    }
    return Known(installed, Inventory(Declared.from_json(said.get("inventory", {})), airflow))


def found_in(case: Path, said: Mapping[str, Any]) -> list[Finding]:
    artifact, findings = build(files_of(case))
    served, _ = build({p: text.encode() for p, text in said.get("served", {}).items()})
    return [*findings, *known_of(said).findings(artifact, NAMES, served)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_tree_has_the_findings_beside_it_and_no_others(case: Path) -> None:
    """Of its own family: other families have cases of their own."""
    said = json.loads((case / "expected.json").read_text())
    rows = [
        {"code": f.code, "severity": f.severity, "path": f.path, "line": f.line}
        for f in found_in(case, said)
        if f.type in KINDS[case.parent.name]
    ]

    assert sorted(rows, key=_order) == said["findings"]


def _order(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["path"], row["line"] or 0, row["code"]
