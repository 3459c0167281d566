"""Compiled pipelines in real Airflow: every file of tests/cases/pipelines is imported and stored.

The Airflow is that of .venv-airflow, which has few providers: cases that need another are named as
such by the error, and counted. `WINDLASS_TEST_PIPELINES_PYTHON` names the Python of an Airflow 2.11
or 3.x that has all of them: then none may be missing.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "pipelines"
SCRIPT = Path(__file__).with_name("importing_pipelines.py")
OTHER = os.environ.get("WINDLASS_TEST_PIPELINES_PYTHON")
MISSING = "ModuleNotFoundError: No module named "


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an Airflow says of every case."""
    python = OTHER or ROOT / ".venv-airflow" / "bin" / "python"
    room = tmp_path_factory.mktemp("airflow")
    command = [str(python), str(SCRIPT), str(CASES), str(room)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=110, check=True)
    (line,) = (line for line in run.stdout.splitlines() if line.startswith("RESULT "))
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found


def test_every_case_is_tried(answer: dict[str, Any]) -> None:
    name = "out_2.py" if answer["airflow"].startswith("2.") else "out.py"

    assert answer["found"].keys() == {path.parent.name for path in CASES.glob(f"*/{name}")}


def test_no_case_is_refused_but_for_a_provider_that_is_not_there(answer: dict[str, Any]) -> None:
    problems = {case: said for case, said in answer["found"].items() if said}
    missing = {case for case, said in problems.items() if said.startswith(MISSING)}

    assert problems.keys() - missing == set()
    assert OTHER is None or not missing
    assert len(missing) < len(answer["found"]) / 2
