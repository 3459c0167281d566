"""`windlass up` as a real process: what it keeps running, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import sqlalchemy as sa

from tests.waiting import wait_until
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.database.embedded import EmbeddedPostgres
from windlass.domain.errors import Invalid
from windlass.entrypoints import processes
from windlass.entrypoints.processes import free_port
from windlass.home import make_home, settings_that_run

T = TypeVar("T")


class Up:
    """A `windlass up` of its own folder and port."""

    def __init__(self, home: Path, port: int) -> None:
        self.port = port
        self.postgres = EmbeddedPostgres(home / "postgres")
        self.data = home / "postgres" / "data"
        self.log = home.parent / "up.log"
        env = {
            "PATH": os.environ["PATH"],
            "WINDLASS_HOME": str(home),
            "WINDLASS_LOG_FORMAT": "json",
            "WINDLASS_EMBEDDED_DB": "true",
        }
        command = [sys.executable, "-m", "windlass", "up", "--port", str(port)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=env, cwd="/", stdout=log, stderr=log)

    def events(self, name: str) -> list[dict[str, Any]]:
        whole, _, _ = self.log.read_text().rpartition("\n")  # the last line may be half written
        rows = [json.loads(line) for line in whole.splitlines()]
        return [row for row in rows if row.get("event") == name]

    def pids_of(self, child: str) -> list[int]:
        """The process ids that a child has had, newest last."""
        return [row["pid"] for row in self.events("process:started") if row.get("child") == child]

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False)
        except httpx.TransportError:
            return False
        return answer.is_success

    def family(self) -> set[int]:
        """`up`, every process below it, and the database's."""
        roots = [self.process.pid, self._postmaster()]
        found = [processes._members(root, (), leader_runs=True) for root in roots]
        return {member.pid for members in found for member in members}

    def _postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


StartUp = Callable[[], Up]


@pytest.fixture
def start_up(room: Path) -> Iterator[StartUp]:
    """Start `windlass up` in one folder, as often as a test wants, and wait until it is ready."""
    started: list[Up] = []

    def start() -> Up:
        up = Up(room / "home", free_port())
        started.append(up)
        wait_until(lambda: up.is_ready() or up.process.poll() is not None, "the API is ready")
        wait_until(lambda: up.pids_of("worker"), "the worker was started")
        return up

    yield start
    for up in started:
        if up.process.poll() is None:
            up.end(signal.SIGTERM)
        up.postgres.stop()


def running(pids: set[int]) -> set[int]:
    return {row.id.pid for row in processes._process_table()} & pids


def test_sigterm_leaves_no_process_and_no_database(start_up: StartUp) -> None:
    up = start_up()
    family = up.family()
    home = up.data.parents[1]
    told = settings_that_run(home)

    assert up.end(signal.SIGTERM) == 0
    assert (told["api_port"], told["home"]) == (up.port, str(home))
    assert settings_that_run(home) == {}
    assert len(family) > 4
    assert running(family) == set()
    assert up.postgres.is_running() is False


def test_ctrl_c_ends_it_with_130(start_up: StartUp) -> None:
    up = start_up()
    family = up.family()

    assert (up.end(signal.SIGINT), running(family)) == (130, set())


@pytest.mark.parametrize("child", ["api", "worker"])
def test_a_part_that_is_killed_comes_back(start_up: StartUp, child: str) -> None:
    up = start_up()
    (first,) = up.pids_of(child)

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: len(up.pids_of(child)) == 2, f"{child} was started again")
    wait_until(up.is_ready, "the API is ready")
    (ended,) = up.events("process:ended")
    assert (ended["child"], ended["returncode"]) == (child, -signal.SIGKILL)


def test_the_next_start_finds_everything_as_it_was(start_up: StartUp, room: Path) -> None:
    up = start_up()
    database = Database(up.postgres.url())
    with database.transaction() as connection:
        connection.execute(sa.insert(t.environment).values(name="prod", uuid="1"))
    database.close()
    token = (room / "home" / "api-token").read_text()
    up.end(signal.SIGTERM)

    up = start_up()

    database = Database(up.postgres.url())
    with database.transaction() as connection:
        names = connection.execute(sa.select(t.environment.c.name).order_by("name"))
        assert list(names.scalars()) == ["default", "prod"]
    database.close()
    assert (room / "home" / "api-token").read_text() == token


def test_after_a_kill_its_parts_end_and_the_next_start_takes_over(start_up: StartUp) -> None:
    up = start_up()
    parts = {*up.pids_of("api"), *up.pids_of("worker")}

    assert up.end(signal.SIGKILL) == -signal.SIGKILL
    wait_until(lambda: not running(parts), "API and worker ended")

    assert start_up().is_ready()


def test_a_port_that_is_taken_is_told_at_once_and_nothing_is_started(room: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(room / "home", port)

        assert up.process.wait(90) == 1

    assert up.log.read_text() == (
        f"CFG005 the API cannot have port {port} of 127.0.0.1: Address already in use\n"
        "  Stop what uses it, such as another `windlass up`, or set WINDLASS_API_PORT.\n"
    )
    assert not (room / "home").exists()


def test_a_database_that_is_killed_comes_back(start_up: StartUp) -> None:
    up = start_up()

    os.kill(up._postmaster(), signal.SIGKILL)

    wait_until(lambda: not up.postgres.is_running(), "the server is gone")
    wait_until(up.is_ready, "the API answers again")


def test_a_second_one_in_the_same_folder_is_refused(start_up: StartUp) -> None:
    first = start_up()
    command = [sys.executable, "-m", "windlass", "up", "--port", str(free_port())]
    home = first.data.parents[1]

    second = subprocess.run(
        command,
        env={
            "WINDLASS_HOME": str(home),
            "WINDLASS_EMBEDDED_DB": "true",
            "PATH": os.environ["PATH"],
        },
        cwd="/",
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert (second.returncode, second.stderr) == (
        1,
        f"CFG006 another `windlass up` runs in {str(home)!r}\n"
        "  Stop it first, or set WINDLASS_HOME to a folder of its own.\n",
    )
    assert first.is_ready()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_home_is_passable_and_nobody_elses_whatever_the_umask(room: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_home(room / "home")
    finally:
        os.umask(before)

    assert (room / "home").stat().st_mode & 0o777 == 0o711


def test_a_home_that_others_may_write_is_refused(room: Path) -> None:
    home = room / "home"
    home.mkdir()
    home.chmod(0o777)

    with pytest.raises(Invalid) as refused:
        make_home(home)

    assert (refused.value.code, refused.value.hint) == ("CFG007", f"chmod go-w {home}")


def test_up_holds_no_memory_for_what_only_its_children_do() -> None:
    script = (
        "from windlass.entrypoints.cli.operate import import_lean; import_lean('structlog');"
        "import sys, windlass.entrypoints.running; print(*sys.modules)"
    )

    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert {"windlass.engine", "sqlalchemy", "psycopg", "fastapi", "rich"} & {
        *found.stdout.decode().split()
    } == set()
