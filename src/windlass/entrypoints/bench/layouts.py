"""The same pipelines for Windlass and its peers: steps of bash, one after the other."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

STEPS = 4
_DAG_FACTORY = """\
from airflow.sdk import DAG  # what makes Airflow read a file
from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), {given})
"""
_BLUEPRINT = """\
from airflow.providers.standard.operators.bash import BashOperator
from blueprint import BaseModel, Blueprint

class ShellConfig(BaseModel):
    command: str

class Shell(Blueprint[ShellConfig]):
    def render(self, config):
        return BashOperator(task_id=self.step_id, bash_command=config.command)
"""
_BLUEPRINTS = """\
from airflow.sdk import DAG  # what makes Airflow read a file
from blueprint import build_all_airflow_dags

build_all_airflow_dags()
"""


def document(number: int, word: str = "echo") -> str:
    """A pipeline of Windlass; another `word` makes it another one."""
    steps = [
        {
            "name": f"step-{at}",
            "type": "bash",
            "command": f"{word} {number} {at}",
            **({"depends_on": f"step-{at - 1}"} if at else {}),
        }
        for at in range(STEPS)
    ]
    schedule = {"type": "cron", "expression": "15 2 * * *"}
    name = f"number-{number}"
    pipeline = {"name": name, "domain": "bench", "schedule": schedule, "steps": steps}
    # JSON is YAML, and is written at once.
    return json.dumps({"apiVersion": "windlass/v1", "pipeline": pipeline}, indent=1)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to have YAML become DAGs when Airflow parses. `write` puts so many into an empty
    folder; `changed` is the file that Airflow parses again after a change of the first."""

    name: str
    package: str
    write: Callable[[Path, int], None]
    changed: str


def _dag_factory_document(number: int) -> str:
    tasks = [
        {
            "task_id": f"step-{at}",
            "operator": "airflow.providers.standard.operators.bash.BashOperator",
            "bash_command": f"echo {number} {at}",
            **({"dependencies": [f"step-{at - 1}"]} if at else {}),
        }
        for at in range(STEPS)
    ]
    args = {"owner": "bench", "start_date": "2024-01-01"}
    dag = {"default_args": args, "schedule": "15 2 * * *", "catchup": False, "tasks": tasks}
    return json.dumps({f"bench.number-{number}": dag}, indent=1)


def _blueprint_document(number: int) -> str:
    steps = {
        f"step-{at}": {
            "blueprint": "shell",
            "command": f"echo {number} {at}",
            **({"depends_on": [f"step-{at - 1}"]} if at else {}),
        }
        for at in range(STEPS)
    }
    dag = {"dag_id": f"bench.number-{number}", "schedule": "15 2 * * *", "steps": steps}
    return json.dumps(dag, indent=1)


def _each_by_itself(folder: Path, count: int) -> None:
    for number in range(count):
        config = folder / f"n{number}.yml"
        config.write_text(_dag_factory_document(number))
        given = f"config_filepath={str(config)!r}"
        (folder / f"n{number}.py").write_text(_DAG_FACTORY.format(given=given))


def _one_loader(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"n{number}.yml").write_text(_dag_factory_document(number))
    given = f"dags_folder={str(folder)!r}"
    (folder / "loader.py").write_text(_DAG_FACTORY.format(given=given))


def _blueprints(folder: Path, count: int) -> None:
    for number in range(count):
        (folder / f"n{number}.dag.yaml").write_text(_blueprint_document(number))
    (folder / "blueprints.py").write_text(_BLUEPRINT)
    (folder / "loader.py").write_text(_BLUEPRINTS)


PEERS = (
    Layout("dag-factory, a file each", "dagfactory", _each_by_itself, "n0.py"),
    Layout("dag-factory, one loader", "dagfactory", _one_loader, "loader.py"),
    Layout("blueprint, one loader", "blueprint", _blueprints, "loader.py"),
)


def documents(count: int) -> Mapping[str, bytes]:
    """Path → a pipeline of Windlass."""
    return {f"pipelines/n{number}.yaml": document(number).encode() for number in range(count)}
