"""The benchmark of pipelines, small: by an Airflow without peers, and by one that gives no DAG."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 600


def bench(peers: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "windlass", "bench", "compile", "--peers", str(peers)]
    return subprocess.run(
        [*command, "--pipelines", "3", "--parsed", "2", "--rounds", "1", *arguments],
        env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@pytest.mark.timeout(LIMIT_S)
def test_compiled_pipelines_are_parsed_and_one_of_them_again_after_its_change() -> None:
    told = json.loads(bench(ROOT / ".venv-airflow", "--output", "json").stdout)

    assert [(row["case"], row["unit"], row["n"]) for row in told["cases"]] == [
        ("compile 3 pipelines", "s CPU", 1),
        ("parse: compiled by Windlass", "s CPU", 1),
        ("after a change of one: compiled by Windlass", "ms CPU", 1),
    ]
    assert told["parsed_again"] == {"compiled by Windlass": 1}
    assert told["absent"] == ["blueprint", "dagfactory"]
    assert told["ratios"] == {}


def test_an_airflow_that_gives_fewer_dags_is_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    told = json.dumps([{"s": 1, "dags": 1, "errors": {}}] * 2)
    python = tmp_path / "bin" / "python"
    python.write_text(
        f"""#!/bin/sh
case "$2" in *RESULT*) echo 'RESULT {told}' ;; *) echo '{{"apache-airflow": "3.3.2"}}' ;; esac
"""
    )
    python.chmod(0o755)

    ended = bench(tmp_path)

    assert "BENCH006 pipelines: 1 DAGs, []" in ended.stderr
    assert ended.returncode == 75
