"""The benchmark of the gate, for real and small, beside one peer that is there and one that is
not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("WINDLASS_TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python")
SMALL = [
    "--static",
    "8",
    "--imports",
    "2",
    "--fresh",
    "1",
    "--cold",
    "4",
    "--files",
    "4",
    "--large",
    "0",
    "--pushes",
    "1",
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    peers = tmp_path_factory.mktemp("peers")
    (peers / "bin").mkdir()
    (peers / "bin" / "bandit").write_text("#!/bin/sh\necho bandit 1.0\n")
    (peers / "bin" / "bandit").chmod(0o755)
    command = [sys.executable, "-m", "windlass", "bench", "gate", *SMALL, "--output", "json"]
    done = subprocess.run(
        [*command, "--peers", str(peers), "--airflow-python", str(PYTHON)],
        env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp"},
        capture_output=True,
        check=True,
        timeout=300,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_table_has_a_row_for_each_part_and_each_peer_that_is_there(
    found: dict[str, Any],
) -> None:
    assert {row["case"]: (row["unit"], row["n"]) for row in found["cases"]} == {
        "static checks": ("files/s", 3),
        "static checks: CPU": ("ms/file", 1),
        "peer: bandit": ("files/s", 1),
        "import": ("ms/file", 3),
        "import: CPU": ("ms/file", 1),
        "peer: python FILE": ("ms/file", 1),
        "peer: airflow dags reserialize": ("ms/file", 1),
        "cold check of 4 files": ("s", 1),
        "4 files: first sync": ("s", 1),
        "4 files: one-file sync": ("ms", 1),
        "4 files: its gate": ("ms", 1),
        "4 files: CPU of the worker": ("ms/sync", 1),
    }
    assert all(row["min"] > 0 for row in found["cases"] if ": CPU" not in row["case"])


def test_it_says_whom_it_was_measured_beside_and_who_was_not_there(found: dict[str, Any]) -> None:
    ratios = ["airflow dags reserialize", "bandit", "python FILE"]
    assert (sorted(found["ratios"]), found["absent"]) == (ratios, ["detect-secrets"])
    assert found["conditions"]["bandit"] == "1.0"
