"""One real Airflow, Git server and Windlass for all acceptance tests of a run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER, Clone, Stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """Everything, running; stopping it must leave no process and no folder."""
    python = Path(
        os.environ.get("WINDLASS_TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python")
    )
    assert python.exists(), f"no Airflow at {python}; run `make setup`"
    with Stage(python) as running:
        yield running
        pids = running.pids()
    assert len(pids) >= 5
    assert [pid for pid in pids if runs(pid)] == []
    assert not running.folder.exists()


@pytest.fixture(scope="session")
def airflow(stage: Stage) -> DemoAirflow:
    return stage.ask()


class Team:
    """A repository of its own on the stage, registered and followed every second."""

    def __init__(self, stage: Stage, name: str, files: Mapping[str, str]) -> None:
        self.stage = stage
        self.name = name
        self.clone: Clone = stage.clone(name)
        sha = self.clone.commit_and_push("first", files)
        auth = {"username": USER, "password": stage.password}
        body = {"url": self.clone.url, "name": name, "sync_interval": "1s", "auth": auth}
        stage.client.post("/api/v1/repositories", body)
        self.first = self.wait_live(sha)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.stage.client.get(f"/api/v1/repositories/{self.name}")
        return found

    def push(self, message: str, files: Mapping[str, str]) -> str:
        return self.clone.commit_and_push(message, files)

    def wait_live(self, revision: str) -> int:
        """The release of a revision, once Airflow was seen with it."""

        def is_live() -> bool:
            release = self.status["release"]
            return bool(release and (release["revision"], release["state"]) == (revision, "live"))

        wait_until(is_live, f"{self.name} at {revision[:7]} is live")
        return int(self.status["release"]["id"])

    def windlass(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line as a user runs it beside this Windlass."""
        return run_windlass(self.stage, *arguments)


def run_windlass(stage: Stage, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "80",
        "WINDLASS_HOME": str(stage.settings.home),
        "WINDLASS_API_PORT": str(stage.settings.api_port),
    }
    command = [sys.executable, "-m", "windlass", *arguments]
    return subprocess.run(
        command, env=env, cwd="/", capture_output=True, text=True, timeout=90, check=False
    )


def wait_until(is_so: Callable[[], bool], what: str, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
