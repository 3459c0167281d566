"""What others take to look at the same DAG files: two scanners, and Airflow itself."""

import os
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from windlass.domain.errors import Unavailable
from windlass.entrypoints.processes import run_to_end
from windlass.settings import process_environment

LIMIT_S = 900
_DATABASE = "airflow.db"
SCANNERS: Mapping[str, tuple[str, ...]] = {
    "bandit": ("-r", "-q", "--ignore-nosec", "--exit-zero", "-f", "json", "-o", os.devnull),
    "detect-secrets": ("scan", "--all-files"),
}
"""Program → how it is called, so that neither comments nor Git hide a file from it."""


class Scanner:
    """A program that reads a folder and prints what it finds; `name` and `version` are its own."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self.name = program.name
        self._command = [str(program.absolute()), *arguments]
        said = run_to_end([self._command[0], "--version"], env=_env(), timeout_s=60)
        self.version = next((word for word in said.split() if word[:1].isdecimal()), "?")

    def seconds(self, folder: Path) -> float:
        """How long it takes to look at all files of the folder, its start included."""
        return _seconds([*self._command, "."], folder, _env())


def find_scanners(environment: Path) -> list[Scanner]:
    """Those of SCANNERS that the environment has."""
    programs = {name: environment / "bin" / name for name in SCANNERS}
    return [Scanner(path, *SCANNERS[name]) for name, path in programs.items() if path.exists()]


class AirflowPeer:
    """An Airflow with a database of its own below `home`, and no DAGs but those of one folder."""

    def __init__(self, python: Path, home: Path, dags: Path) -> None:
        self._python = python.absolute()
        self._home = home
        self._dags = dags
        self._environment = _airflow_env(home, dags)
        home.mkdir()

    def fresh_processes_s(self, paths: list[str], *, at_a_time: int) -> float:
        """Seconds to run each file by a Python of its own, so many at a time."""
        with ThreadPoolExecutor(at_a_time) as executor:
            began = time.perf_counter()
            list(executor.map(self._run_file, paths))
            return time.perf_counter() - began

    def reserialize_s(self) -> float:
        """Seconds that `airflow dags reserialize` takes for the folder, its start included. Raises
        Unavailable where it has stored no DAG."""
        airflow = [str(self._python), "-m", "airflow"]
        _seconds([*airflow, "db", "migrate"], self._home, self._environment)
        took = _seconds(
            [*airflow, "dags", "reserialize", "-B", "dags-folder"], self._home, self._environment
        )
        with closing(sqlite3.connect(self._home / _DATABASE)) as database:
            (stored,) = database.execute("select count(*) from serialized_dag").fetchone()
        if not stored:
            raise Unavailable("BENCH005", "`airflow dags reserialize` stored no DAG")
        return took

    def _airflow(self, *arguments: str) -> float:
        command = [str(self._python), "-m", "airflow", *arguments]
        return _seconds(command, self._home, self._environment)

    def _run_file(self, path: str) -> None:
        _seconds([str(self._python), str(self._dags / path)], self._dags, self._environment)


def _airflow_env(home: Path, dags: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in _env().items() if not k.startswith(("AIRFLOW", "_AIRFLOW"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "True",  # for the plugins that some come with
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / _DATABASE}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__WINDLASS__ALLOWED_BUNDLES": "dags-folder",  # where our cluster policy is there
    }


def _env() -> dict[str, str]:
    return process_environment()


def _seconds(command: list[str], folder: Path, env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    run_to_end(command, env=env, timeout_s=LIMIT_S, cwd=folder)
    return time.perf_counter() - began
