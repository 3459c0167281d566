"""One real Airflow, Git server and Windlass for all acceptance tests of a run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until
from windlass.domain.environment import FOLDER_BUNDLE
from windlass.entrypoints.demo.airflow import GRACE_S
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.demo.stage import USER, Clone, Stage
from windlass.entrypoints.processes import ChildProcess, stop_all
from windlass.settings import process_environment

ROOT = Path(__file__).parents[2]
SERVED = "served"
SETTLED = """
from airflow.sdk import DAG, task

with DAG("settled", schedule=None, tags=["{tag}"]):

    @task
    def work() -> str:
        return "{tag}"

    work()
"""


class BothTargets(Stage):
    """A stage whose Airflow reads a folder too, that of the environment `folders`.

    The store can be taken away from it, and its collector of stale versions is on, as it is where
    nobody set what `windlass airflow config` prints.
    """

    bundles = 40
    served: Clone | None = None
    """A repository that Airflow's own Git bundle serves, until `stop_serving`."""

    def unmount(self) -> None:
        """Leave Airflow an empty folder in place of the store, as a lost mount does."""
        self._mount().unlink()
        self._mount().mkdir()

    def mount(self) -> None:
        """Let Airflow see the store."""
        if self._mount().is_symlink():
            return
        with suppress(FileNotFoundError):
            self._mount().rmdir()
        self._mount().symlink_to(self.settings.home / "store")

    def run_in_airflow(self, code: str) -> str:
        """Run Python as one of Airflow's processes would; what it prints."""
        env = {
            **process_environment(),
            **self._airflow_settings(),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
        }
        command = [str(self.airflow_python), "-c", code]
        run = subprocess.run(
            command, env=env, cwd="/", capture_output=True, timeout=180, check=True, text=True
        )
        return run.stdout

    def stop_serving(self) -> None:
        """Take the repository out of the list of bundles; what starts then reads that."""
        self.served = None
        self.airflow._settings = self._airflow_settings()

    def restart_processor(self) -> None:
        """Start what reads DAGs anew."""
        parts = self.airflow._children
        stop_all([parts["dag-processor"]], GRACE_S)
        parts["dag-processor"] = ChildProcess(self.airflow.commands()["dag-processor"])

    def variables_of_processor(self) -> str:
        """The environment of Airflow's processor, as `env` prints it there."""
        pid = self.airflow._children["dag-processor"].pid
        return Path(f"/proc/{pid}/environ").read_text().replace("\0", "\n")

    def _start(self, stack: ExitStack) -> None:
        self.mount()
        stack.enter_context(self.git)
        self.served = self.clone(SERVED)
        self.served.commit_and_push("first", {"dags/settled.py": SETTLED.format(tag="v1")})
        super()._start(stack)

    def _mount(self) -> Path:
        return self.folder / "mount"

    def _airflow_settings(self) -> dict[str, str]:
        settings = super()._airflow_settings()
        pool = json.loads(settings["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
        folder = self.settings.home / "store/environments/folders/dags"
        classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
        kwargs = {"path": str(folder), "refresh_interval": 30}
        pool.append({"name": FOLDER_BUNDLE, "classpath": classpath, "kwargs": kwargs})
        login = {"conn_type": "git", "login": USER, "password": self.password}
        if self.served is not None:
            login["host"] = self.served.url
            classpath = "airflow.providers.git.bundles.git.GitDagBundle"
            stock = {"tracking_ref": "main", "subdir": "dags", "git_conn_id": "team"}
            pool.append({"name": SERVED, "classpath": classpath, "kwargs": stock})
        return {
            **settings,
            "AIRFLOW_CONN_TEAM": json.dumps(login),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(pool),
            "AIRFLOW__WINDLASS__ALLOWED_BUNDLES": f"{FOLDER_BUNDLE},{SERVED}",
            "AIRFLOW__DAG_PROCESSOR__STALE_BUNDLE_CLEANUP_INTERVAL": "2",
            "AIRFLOW__API__EXPOSE_CONFIG": "True",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "12",  # so that a test need not wait for 30 s
        }


@pytest.fixture(scope="session")
def stage() -> Iterator[BothTargets]:
    """Everything, running; stopping it must leave no process and no folder."""
    python = Path(os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python"))
    assert python.exists(), f"no Airflow at {python}; run `make setup`"
    with BothTargets(python) as running:
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

    def __init__(
        self,
        stage: Stage,
        name: str,
        files: Mapping[str, str],
        environment: str | None = None,
        **options: Any,
    ) -> None:
        self.stage = stage
        self.name = name
        self.clone: Clone = stage.clone(name)
        sha = self.clone.commit_and_push("first", files)
        auth = {"username": USER, "password": stage.password}
        body = {"url": self.clone.url, "name": name, "sync_interval": "1s", "auth": auth}
        body["options"] = options
        if environment:
            body["environment"] = environment
        stage.client.post("/api/v1/repositories", body)
        self.first = self.wait_live(sha)
        self.bundle = str(self.status["bundle"])

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

        try:
            wait_until(is_live, f"{self.name} at {revision[:7]} is live")
        except AssertionError as late:
            found = self.status
            raise AssertionError(f"{late}: {found['sync']}, {found['health']}") from None
        return int(self.status["release"]["id"])

    def wait_polls(self, count: int) -> None:
        """Return when the remote was polled so many times more."""
        seen = {self.status["polled_at"]}

        def has_come() -> bool:
            seen.add(self.status["polled_at"])
            return len(seen) > count

        wait_until(has_come, f"{self.name} is polled {count} times")

    def windlass(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line as a user runs it beside this Windlass."""
        return run_windlass(self.stage, *arguments)


def run_windlass(stage: Stage, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "80",
        "WINDLASS_HOME": str(stage.settings.home),
        "WINDLASS_API_PORT": str(stage.settings.api_port),
    }
    command = [sys.executable, "-m", "windlass", *arguments]
    return subprocess.run(
        command,
        env=env,
        cwd="/",
        input=text,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that the tasks of a test wait for, so that a run lasts as long as the test needs it.

    It is there at the end whatever happens: a task that waits holds one of Airflow's slots.
    """
    file = tmp_path / "open"
    try:
        yield file
    finally:
        file.touch()


def runs(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
