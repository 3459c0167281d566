"""The example DAGs of Airflow, and of the providers that are installed, are denied by nothing."""

from pathlib import Path

import pytest

from windlass.checks.files import check_file
from windlass.checks.intake import is_read
from windlass.checks.known import Known
from windlass.domain.artifact import Artifact, FileEntry
from windlass.domain.families import FAMILIES
from windlass.domain.policy import Policy
from windlass.sandbox.installed import InstalledMemory

PYTHON = Path(__file__).parents[2] / ".venv-airflow" / "bin" / "python"
NAMES = [family.name for family in FAMILIES]


def folders() -> list[Path]:
    (packages,) = PYTHON.parents[1].glob("lib/python3*/site-packages")
    return sorted(packages.glob("airflow/**/example_dags"))


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.parent.name)
def test_an_example_is_denied_by_nothing(folder: Path) -> None:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.py"))}
    judged = {path: check_file(path, text, NAMES) for path, text in files.items()}
    artifact = Artifact(
        {
            path: FileEntry(path, 0o444, path, "", len(files[path]), outline)
            for path, (_, outline) in judged.items()
        }
    )

    found = [f for findings, _ in judged.values() for f in findings]
    found += Known(InstalledMemory(PYTHON).now()).findings(artifact, NAMES)

    assert files
    assert all(is_read(path, text) for path, text in files.items())
    assert [(f.code, f.place, f.message) for f in found if Policy().denies(f)] == []


def test_there_are_examples() -> None:
    assert sum(len(list(folder.glob("*.py"))) for folder in folders()) > 50
