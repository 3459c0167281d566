"""`windlass dag test`: one DAG of a folder is run by a real Airflow, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_imports import PYTHON
from windlass.sandbox.dag_run import DagRunRequest, run_dag

WINDLASS = Path(sys.executable).parent / "windlass"
ORDERS = """
from airflow.sdk import DAG, Variable, task
from airflow.sdk.bases.hook import BaseHook
with DAG("orders", schedule="@daily", params={"day": "none"}):
    @task
    def load(params=None):
        assert (params["day"], Variable.get("region")) == ("monday", "eu")
        return BaseHook.get_connection("warehouse").host
    @task
    def show(host):
        assert host == "db.example"
    show.expand(host=[load()])
"""
BAD = """
import os, time
from airflow.sdk import DAG, task
with DAG("bad", schedule=None):
    @task
    def leaves():
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open(os.environ["PLACE"], "w").write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        while not os.path.exists(os.environ["PLACE"]):
            time.sleep(0.1)
        raise ValueError("no orders today")
    @task
    def after(): ...
    leaves() >> after()
"""
VALUES = """
sandbox_values:
  variables: {region: eu}
  connections: {warehouse: "postgres://nobody@db.example/dwh"}
"""


def dag_test(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(WINDLASS), "dag", "test", *words],
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "80", **more},
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.fixture
def folder(room: Path) -> Path:
    (room / "orders.py").write_text(ORDERS)
    (room / "bad.py").write_text(BAD)
    (room / "values.yaml").write_text(VALUES)
    return room


def test_a_dag_is_run_with_values_and_configuration_and_told_task_by_task(folder: Path) -> None:
    given = ["--conf", '{"day": "monday"}', "--logical-date", "2026-01-31", "--inventory"]
    python = ["--airflow-python", str(PYTHON)]
    done = dag_test(folder, "orders", *given, "values.yaml", *python, AIRFLOW__CORE__X="not ours")

    lines = [line.split() for line in done.stdout.splitlines()]
    rows = [(line[0], line[1], line[3]) for line in lines if len(line) == 4 and line[3] == "1"]
    assert (done.returncode, rows) == (0, [("load", "success", "1"), ("show[0]", "success", "1")])
    assert lines[-1][:3] == ["orders:", "success", "after"]


def test_a_run_that_fails_says_why_and_leaves_no_process(folder: Path) -> None:
    python = ["--airflow-python", str(PYTHON), "--output", "json"]
    place = folder / "pid"
    done = dag_test(folder, ".", "bad", *python, PLACE=str(place))

    told = json.loads(done.stdout)
    states = {one["task_id"]: one["state"] for one in told["tasks"]}
    assert (done.returncode, told["state"]) == (1, "failed")
    assert states == {"leaves": "failed", "after": "upstream_failed"}
    assert not Path("/proc", place.read_text()).exists()
    assert sorted(p.name for p in folder.iterdir()) == ["bad.py", "orders.py", "pid", "values.yaml"]


def test_a_dag_that_no_file_makes_is_told_with_the_nearest(folder: Path) -> None:
    (folder / "broken.py").write_text("from airflow.sdk import DAG\n1 / 0\n")
    done = dag_test(folder, "order", "--airflow-python", str(PYTHON))

    assert done.returncode == 1
    assert "No file makes the DAG 'order'. Did you mean \"orders\"?" in done.stdout
    assert "broken.py cannot be imported: ZeroDivisionError" in done.stdout


def python_that(room: Path, does: str) -> Path:
    place = room / "python"
    place.write_text(f"#!/bin/sh\n{does}\n")
    place.chmod(0o755)
    return place


def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(room: Path) -> None:
    python = python_that(room, f"setsid sleep 600 & echo $! > {room}/pid\nexec sleep 600")
    end = run_dag(python, DagRunRequest(room, "orders"), lambda _: None, limit_s=2)

    assert end.state == "timeout"
    assert not Path("/proc", (room / "pid").read_text().strip()).exists()


def test_a_run_that_dies_shows_the_end_of_what_it_said(room: Path) -> None:
    python = python_that(room, "echo no airflow here >&2\nexit 3")
    end = run_dag(python, DagRunRequest(room, "orders"), lambda _: None, limit_s=60)

    assert (end.state, end.log) == ("died", "no airflow here\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["orders"], "CLI020"),
        (["orders", "--airflow-python", "python3", "--conf", "{n: 1}"], "CLI021"),
        (["orders", "--airflow-python", "python3", "--conf", "[1]"], "CLI021"),
        (["orders", "--airflow-python", "python3", "--logical-date", "today"], "CLI022"),
        (["orders", "--airflow-python", "/nonexistent/python"], "PY001"),
        (["orders", "--airflow-python", sys.executable], "CLI020"),
        (["nowhere", "orders"], "Usage"),
        ([".", "orders", "bad"], "Usage"),
    ],
)
def test_what_is_wrong_with_the_words_is_told(folder: Path, words: list[str], code: str) -> None:
    done = dag_test(folder, *words)

    told: Any = (done.returncode, done.stderr.split()[0].rstrip(":"))
    assert told == (2 if code == "Usage" else 1, code)
