"""Releases reach an Airflow without a shared volume, and stay there when Windlass goes."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import ROOT
from tests.waiting import wait_until
from windlass.app import public_key_of
from windlass.entrypoints.demo.airflow import LocalAirflow
from windlass.entrypoints.demo.stage import USER, Clone, Ground
from windlass.entrypoints.processes import ChildProcess
from windlass.stack.airflow import Origin, airflow_settings

DAG = 'from airflow.sdk import DAG\ndag = DAG("{}", schedule=None, tags=["{}"])\n'
AWAY_S = 6.0
"""Longer than the clocks below, so that a DAG which could go stale would."""


class SmallAirflow:
    """A DAG processor of its own, as `windlass airflow config` configures one, and its database."""

    def __init__(self, ground: Ground, name: str, source: Origin) -> None:
        python = os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow/bin/python")
        home = ground.folder / name
        wanted = airflow_settings(
            source=source,
            environment="default",
            bundles={"windlass-00": None},
            public_key=public_key_of(ground.settings),
            storage=home / "bundles",
        )
        quick = {
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "1",
            "AIRFLOW__SCHEDULER__PARSING_CLEANUP_INTERVAL": "1",
        }
        settings = {s.variable: s.value for s in wanted} | quick
        self.home = home
        self.airflow = LocalAirflow(
            home, python=Path(python), settings=settings, port=1, base_env=dict(os.environ)
        )
        self.airflow.prepare()
        self.airflow.migrate(90)
        self.processor = self.start()

    def start(self) -> ChildProcess:
        return ChildProcess(self.airflow.commands()["dag-processor"])

    def dag(self, dag_id: str) -> tuple[str, bool, str] | None:
        """(bundle version, is stale, when it was parsed) as Airflow's database has it."""
        columns = "bundle_version, is_stale, last_parsed_time"
        with closing(sqlite3.connect(self.home / "airflow.db", timeout=10)) as database:
            row: Any = database.execute(
                f"SELECT {columns} FROM dag WHERE dag_id = ?", [dag_id]
            ).fetchone()
        return None if row is None else (row[0], bool(row[1]), str(row[2]))


Start = Callable[[str, Origin], SmallAirflow]


@pytest.fixture(scope="module")
def far_team() -> Iterator[tuple[Ground, Clone]]:
    """A Windlass of its own, which the tests stop, with one repository."""
    with Ground() as ground:
        clone = ground.clone("far-team")
        clone.commit_and_push("first", {"far.py": DAG.format("far", "v1")})
        body = {"url": clone.url, "name": "far-team", "sync_interval": "1s"}
        auth = {"username": USER, "password": ground.password}
        ground.client.post("/api/v1/repositories", {**body, "auth": auth})
        yield ground, clone


@pytest.fixture
def start(far_team: tuple[Ground, Clone]) -> Iterator[Start]:
    started: list[SmallAirflow] = []

    def start(name: str, source: Origin) -> SmallAirflow:
        started.append(SmallAirflow(far_team[0], name, source))
        return started[-1]

    yield start
    for airflow in started:
        airflow.processor.stop(grace_s=5)


def test_an_airflow_without_a_volume_sees_a_push_and_keeps_its_dags_when_windlass_is_gone(
    far_team: tuple[Ground, Clone], start: Start
) -> None:
    ground, clone = far_team
    token, cache = ground.settings.home / "origin-token", ground.folder / "cache"
    airflow = start("far", Origin(ground.settings.client_url, token, cache))
    wait_until(lambda: version_of(airflow) == 1, "the first push is in Airflow", 90)
    clone.commit_and_push("second", {"far.py": DAG.format("far", "v2")})
    wait_until(lambda: version_of(airflow) == 2, "the second push is in Airflow", 90)

    for part in ground._parts.values():
        part.stop(grace_s=10)
    airflow.processor.stop(grace_s=5)
    before = parsed_at(airflow)
    airflow.processor = airflow.start()
    wait_until(lambda: parsed_at(airflow) > before, "it parses what it has", 90)
    end = time.monotonic() + AWAY_S
    while time.monotonic() < end:
        found = airflow.dag("far")
        assert found is not None
        assert (found[0], found[1]) == ("2", False)
        time.sleep(0.3)


def version_of(airflow: SmallAirflow) -> int:
    found = airflow.dag("far")
    return int(found[0]) if found else 0


def parsed_at(airflow: SmallAirflow) -> str:
    found = airflow.dag("far")
    return found[2] if found else ""
