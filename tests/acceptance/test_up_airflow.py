"""`windlass up --airflow`: what a newcomer gets with a repository of their own, and leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import ROOT, runs
from tests.acceptance.test_stage import LOOPBACK, listening_addresses
from tests.waiting import wait_until
from windlass.database.embedded import EmbeddedPostgres
from windlass.entrypoints import processes
from windlass.entrypoints.cli.client import Client
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.processes import free_port
from windlass.settings import Settings

DAG = "from airflow.sdk import DAG\ndag = DAG('mine', schedule=None)\n"
PARTS = {"api", "worker", "airflow api-server", "airflow scheduler", "airflow dag-processor"}
LIMIT_S = 300  # a first start migrates Airflow's database


class UpAirflow:
    """One `windlass up --airflow` of a folder."""

    def __init__(self, room: Path, port: int, airflow_port: int) -> None:
        self.home = room / "home"
        self.url = f"http://127.0.0.1:{airflow_port}"
        self.settings = Settings(home=self.home, api_port=port)
        self.out, self.log = room / f"out-{airflow_port}", room / f"log-{airflow_port}"
        env = {
            "PATH": os.environ["PATH"],
            "WINDLASS_HOME": str(self.home),
            "WINDLASS_LOG_FORMAT": "json",
            "WINDLASS_EMBEDDED_DB": "true",
            "WINDLASS_ALLOW_FILE_URLS": str(room),
            "WINDLASS_FILE": os.devnull,
        }
        python = os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python")
        command = [sys.executable, "-m", "windlass", "up", "--airflow", "--port", str(port)]
        command += ["--airflow-port", str(airflow_port), "--airflow-python", str(python)]
        with self.out.open("w") as out, self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=env, cwd="/", stdout=out, stderr=log)

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return "Ready after" in self.out.read_text()

        wait_until(is_ready, f"Airflow is ready: {self.log}", LIMIT_S)

    def started(self) -> set[str]:
        """The parts that were started, by name."""
        whole, _, _ = self.log.read_text().rpartition("\n")
        rows = [json.loads(line) for line in whole.splitlines()]
        return {
            row["child"] for row in rows if row["event"] == "process:started" and "child" in row
        }

    def family(self) -> frozenset[int]:
        """`up` and everything below it."""
        found = processes._members(self.process.pid, (), leader_runs=True)
        return frozenset(member.pid for member in found)

    def ask(self) -> DemoAirflow:
        """Airflow, as its admin with the password that the output names."""
        words = self.out.read_text().split()
        password = Path(words[words.index("cat") + 1]).read_text()
        return DemoAirflow(self.url, "admin", password)

    def doctor(self) -> dict[str, str]:
        """What `windlass doctor` finds in a shell that knows no setting but the home."""
        env = {"PATH": os.environ["PATH"], "WINDLASS_HOME": str(self.home)}
        command = [sys.executable, "-m", "windlass", "doctor", "--output", "json"]
        run = subprocess.run(command, env=env, cwd="/", capture_output=True, check=False)
        rows = {row["subject"]: row for row in json.loads(run.stdout)}
        imports = "confined" if "confined by" in rows["default: imports"]["found"] else "not made"
        told = {name: rows[name]["condition"] for name in ("api", "default: rights")}
        return {**told, "default: imports": imports}

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@pytest.fixture
def started() -> Iterator[list[UpAirflow]]:
    """What a test has started; ended with it."""
    ups: list[UpAirflow] = []
    yield ups
    for up in ups:
        if up.process.poll() is None:
            up.end()
    EmbeddedPostgres(ups[0].home / "postgres").stop()


@pytest.mark.timeout(900)
def test_everything_runs_beside_an_airflow_of_its_own_and_the_next_start_finds_it_as_it_was(
    room: Path, started: list[UpAirflow]
) -> None:
    make_repository(room / "dags")
    started.append(up := UpAirflow(room, free_port(), free_port()))
    up.wait_ready()
    client = Client(up.settings)
    client.post("/api/v1/repositories", {"url": f"file://{room}/dags", "sync_interval": "1s"})

    def state() -> Any:
        return client.get("/api/v1/repositories/dags")["sync"]["state"]

    wait_until(lambda: state() == "live", "the release is live", LIMIT_S)
    airflow = up.ask()
    assert airflow.find_dag("mine") is not None
    airflow.close()
    assert up.doctor() == {"api": "ok", "default: imports": "confined", "default: rights": "ok"}
    assert up.started() == PARTS
    family = up.family()
    assert listening_addresses(family) <= LOOPBACK
    migrated = (up.home / "airflow/component-logs/migrate.log").stat().st_size
    assert up.end() == 0
    assert [pid for pid in family if runs(pid)] == []
    assert EmbeddedPostgres(up.home / "postgres").is_running() is False

    started.append(up := UpAirflow(room, free_port(), free_port()))
    up.wait_ready()

    assert state_of(up) == "live"
    again = up.ask()
    assert again.find_dag("mine") is not None
    again.close()
    assert not (up.home / "airflow/component-logs/migrate.log").exists()
    assert (up.home / "airflow/component-logs/migrate.log.old").stat().st_size == migrated
    assert up.end() == 0


def state_of(up: UpAirflow) -> Any:
    return Client(up.settings).get("/api/v1/repositories/dags")["sync"]["state"]


def make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine.py").write_text(DAG)
    for arguments in ("init -q -b main", "add .", "commit -qm first"):
        subprocess.run(["git", "-C", str(folder), *arguments.split()], check=True)
