"""What importing a DAG file does by functions of other files."""

import json

import pytest

from tests.unit.examples import artifact
from windlass.checks.reach import reach_findings
from windlass.domain.artifact import Outline

DAG = "from airflow.sdk import DAG, task\n"
HELPER = """
import subprocess
from airflow.sdk import task

def fetch():
    _run("git", "pull")

def _run(*command):
    subprocess.run(command)

def read():
    return 1

@task
def later():
    fetch()
"""


def told(dag: str, helper: str = HELPER, path: str = "team/rates.py") -> list[tuple[str, str, int]]:
    found = reach_findings(artifact({"orders.py": DAG + dag, path: helper}))
    return [(one.code, one.path, one.line or 0) for one in found]


@pytest.mark.parametrize(
    "dag",
    [
        "from team.rates import fetch\nfetch()",
        "from team import rates\nrates.fetch()",
        "import team.rates as r\nX = [r.fetch()]",
        "from team.rates import fetch as f\nclass A:\n    x = f()",
        "from team.rates import _run\ndef make():\n    _run('id')\nmake()",
    ],
)
def test_a_function_of_another_file_is_judged_by_when_it_is_called(dag: str) -> None:
    assert [(code, path) for code, path, _ in told(dag)] == [("DNG001", "orders.py")]


@pytest.mark.parametrize(
    "dag",
    [
        "from team.rates import read\nread()",
        "from team.rates import later\nwith DAG('a'):\n    later()",
        "from team.rates import fetch\n@task\ndef load():\n    fetch()",
        "from team.rates import fetch\nPythonOperator(python_callable=fetch)",
        "from team.rates import fetch\nif __name__ == '__main__':\n    fetch()",
        "from others.rates import fetch\nfetch()",
    ],
)
def test_what_only_tasks_run_is_left_to_them(dag: str) -> None:
    assert told(dag) == []


def test_the_finding_says_what_is_called_where() -> None:
    tree = artifact({"orders.py": f"{DAG}from rates import fetch\nfetch()\n", "rates.py": HELPER})

    [finding] = reach_findings(tree)
    assert (finding.severity, finding.line) == ("high", 3)
    assert finding.message == (
        "rates.fetch(…) leads to subprocess.run(…) in rates.py, line 9, which starts a process, "
        "while Airflow imports the file"
    )


def test_what_is_said_of_files_is_the_same_after_a_night_in_the_database() -> None:
    tree = artifact({"orders.py": f"{DAG}from rates import fetch\nfetch()\n", "rates.py": HELPER})

    for entry in tree.files.values():
        assert entry.outline is not None
        assert Outline.from_json(json.loads(json.dumps(entry.outline.to_json()))) == entry.outline
