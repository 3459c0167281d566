"""What stands in the way of `windlass up --airflow`, and what is left where it is ended early.

With a real Airflow it is in tests/acceptance/test_up_airflow.py.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sham import install_sham_airflow, make_sham_airflow
from tests.integration.test_up import running
from tests.waiting import wait_until
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.database.environments import put_environment
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import AppError, Conflict, Invalid, Unavailable
from windlass.domain.repository import Owner
from windlass.entrypoints import processes
from windlass.entrypoints.processes import free_port
from windlass.entrypoints.up_airflow import AirflowBeside
from windlass.settings import Settings

PROVIDER = "Name: airflow-provider-windlass\nVersion: 0.1.0\n"


@pytest.fixture(scope="module")
def python(session_folder: Path) -> Path:
    """An interpreter with the provider and something that looks like Airflow."""
    python = make_sham_airflow(session_folder / "up-airflow")
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    place = site / "airflow_provider_windlass-0.1.0.dist-info" / "METADATA"
    place.parent.mkdir()
    place.write_text(PROVIDER)
    return python


def beside(settings: Settings, python: Path, **changes: Any) -> AirflowBeside:
    given = {"python": python, "port": free_port(), "say": lambda _: None, **changes}
    return AirflowBeside(settings, **given)


def told(error: AppError) -> tuple[str, str, str]:
    return error.code, error.message, error.hint


def test_settings_that_name_another_airflow_are_told_with_their_place(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WINDLASS_AIRFLOW_URL=https://airflow.example\n")
    monkeypatch.setenv("WINDLASS_AIRFLOW_PASSWORD_FILE", "password")

    with pytest.raises(Invalid) as refused:
        beside(Settings(home=tmp_path), python)

    assert told(refused.value) == (
        "CFG027",
        "--airflow runs an Airflow of its own, and WINDLASS_AIRFLOW_URL (.env:1), "
        "WINDLASS_AIRFLOW_PASSWORD_FILE (environment) name another",
        "Leave --airflow out to go on with that one, or take the settings away.",
    )


def test_an_interpreter_without_airflow_or_without_the_provider_is_refused(
    room: Path, python: Path
) -> None:
    bare = make_sham_airflow(room / "bare", with_airflow=False)
    hint = "`make setup` makes .venv-airflow with both; --airflow-python names another."

    with pytest.raises(Invalid) as refused:
        beside(Settings(home=room), bare)
    install_sham_airflow(bare)
    with pytest.raises(Invalid) as without_provider:
        beside(Settings(home=room), bare)

    assert told(refused.value) == (
        "CFG028",
        f"the interpreter '{bare}' lacks Airflow 3.1 or newer",
        hint,
    )
    assert told(without_provider.value) == (
        "CFG028",
        f"the interpreter '{bare}' lacks airflow-provider-windlass, which reads releases",
        hint,
    )


def test_a_port_that_airflow_cannot_have_is_told(room: Path, python: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Invalid) as refused:
            beside(Settings(home=room), python, port=port)
    with pytest.raises(Invalid) as same:
        beside(Settings(home=room, api_port=port), python, port=port)

    assert told(refused.value) == (
        "CFG005",
        f"Airflow cannot have port {port} of 127.0.0.1: Address already in use",
        "Stop what uses it, such as another `windlass up`, or choose one with --airflow-port.",
    )
    assert told(same.value) == (
        "CFG029",
        f"port {port} cannot be both the API's and Airflow's",
        "Choose another with --airflow-port.",
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"airflow_url": "https://airflow.example"}, "is that of https://airflow.example"),
        ({"owner": Owner.FILE}, "is declared in windlass.yaml"),
        ({"target": Target.FOLDER}, "has the target folder"),
    ],
)
def test_an_environment_of_another_airflow_is_never_given_to_the_local_one(
    database: Database, room: Path, python: Path, changes: dict[str, Any], why: str
) -> None:
    with database.transaction() as connection:
        put_environment(connection, replace(Environment("default"), **changes), "1")
    ours = beside(Settings(home=room, database_url=database.url), python)

    with pytest.raises(Conflict) as refused:
        ours.prepare()

    assert told(refused.value) == (
        "CFG030",
        f"--airflow runs an Airflow of its own, and the environment 'default' {why}",
        "Leave --airflow out, or set WINDLASS_ENVIRONMENT to a new name.",
    )


def test_an_airflow_whose_database_cannot_be_made_says_why(
    database: Database, room: Path, python: Path
) -> None:
    """The sham cannot be run at all."""
    ours = beside(Settings(home=room, database_url=database.url), python)

    with pytest.raises(Unavailable) as failed:
        ours.prepare()

    assert failed.value.code == "DEMO001"
    assert failed.value.message.endswith(
        "No module named airflow.__main__; 'airflow' is a package and cannot be directly executed"
    )


@pytest.fixture
def slow(session_folder: Path, python: Path) -> Iterator[Path]:
    """The interpreter, whose Airflow never ends to migrate; the file that it then writes."""
    begun = session_folder / "migrating"
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    main = site / "airflow" / "__main__.py"
    main.write_text(f"import signal\nopen({str(begun)!r}, 'w').close()\nsignal.pause()\n")
    yield begun
    main.unlink()


def test_sigterm_while_airflows_database_is_made_leaves_nothing(
    room: Path, python: Path, slow: Path
) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "WINDLASS_HOME": str(room / "home"),
        "WINDLASS_EMBEDDED_DB": "true",
    }
    command = [sys.executable, "-m", "windlass", "up", "--airflow", "--port", str(free_port())]
    command += ["--airflow-port", str(free_port()), "--airflow-python", str(python)]
    up = subprocess.Popen(command, env=env, cwd="/")
    wait_until(slow.exists, "the migration began")
    family = {one.pid for one in processes._members(up.pid, (), leader_runs=True)}

    up.send_signal(signal.SIGTERM)

    assert up.wait(120) == 0
    assert len(family) > 1
    assert running(family) == set()
    assert EmbeddedPostgres(room / "home" / "postgres").is_running() is False
