"""`windlass import` as a user runs it, by the guides of docs/pipelines/."""

import json
import re
import subprocess
from pathlib import Path

from tests.integration.commands import run_windlass

DOCS = Path(__file__).parents[2] / "docs" / "pipelines"
GUIDE = (DOCS / "from-dag-factory.md").read_text("utf-8")
CASES = Path(__file__).parents[1] / "cases" / "imports"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_windlass(folder, *arguments)


def test_the_guide_from_dag_factory_shows_what_is_printed(tmp_path: Path) -> None:
    (given,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (shown,) = re.findall(
        r"```\n\$ windlass import dag-factory orders.yml\n(.*?)```", GUIDE, re.DOTALL
    )
    (tmp_path / "orders.yml").write_text(given)

    ended = run(tmp_path, "import", "dag-factory", "orders.yml")

    assert ended.stderr + ended.stdout == shown
    assert ended.returncode == 1


def test_pipelines_are_written_and_compile_and_nothing_is_written_over(tmp_path: Path) -> None:
    source = str(CASES / "dag_factory" / "orders.yml")
    arguments = ("import", "dag-factory", source, "--out", "pipelines", "--output", "json")
    first = run(tmp_path, *arguments)
    files = {path.name: path.read_text() for path in (tmp_path / "pipelines").iterdir()}
    again = run(tmp_path, *arguments)
    compiled = run(tmp_path, "compile")

    assert json.loads(first.stdout)["pipelines"] == files
    assert files.keys() == {"orders.yaml", "reports.yaml"}
    assert "CMP004" in again.stderr
    assert (first.returncode, again.returncode, compiled.returncode) == (1, 1, 0)


def test_a_file_that_can_be_said_in_whole_ends_well(tmp_path: Path) -> None:
    step = '{name: a, type: sql, connection: dw, sql: "SELECT 1"}'
    (tmp_path / "a.yaml").write_text(f"pipeline: {{name: a, domain: b, steps: [{step}]}}\n")

    ended = run(tmp_path, "import", "pipeweaver", "a.yaml", "--out", "pipelines")

    assert ended.stdout == "1 pipeline written to pipelines.\n"
    assert ended.returncode == 0
