"""Real children: what is left after a stop, who dies with whom, and what comes back."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from tests.waiting import wait_until
from windlass.domain.errors import Invalid, Unavailable
from windlass.entrypoints import processes
from windlass.entrypoints.processes import (
    ChildProcess,
    Command,
    check_port,
    free_port,
    run_to_end,
    stop_all,
    supervise,
)

T = TypeVar("T")
ENV: Mapping[str, str] = {"PATH": os.environ["PATH"], "PYTHONPATH": "src"}


def shell(script: str, log_path: Path | None = None) -> Command:
    return Command(argv=["sh", "-c", script], env=ENV, log_path=log_path)


def python(script: str, log_path: Path | None = None) -> Command:
    return Command(argv=[sys.executable, "-c", script], env=ENV, log_path=log_path)


def runs(pid: int) -> bool:
    return any(row.id.pid == pid for row in processes._process_table())


def pid_in(log_path: Path) -> int:
    written = wait_until(lambda: log_path.exists() and log_path.read_text().strip(), "its pid")
    return int(written)


def test_child_leads_a_session_of_its_own() -> None:
    with ChildProcess(shell("exec sleep 60")) as child:
        assert (os.getpgid(child.pid), os.getsid(child.pid)) == (child.pid, child.pid)


def test_output_goes_to_a_log_only_we_can_read(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with ChildProcess(shell("echo one; echo two >&2; echo three", log)) as child:
        code = child.wait(10)

    assert (code, child.log_tail(2)) == (0, "two\nthree\n")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_child_without_a_log_has_an_empty_tail() -> None:
    with ChildProcess(shell("exit 3")) as child:
        assert (child.wait(10), child.log_tail(), child.is_alive) == (3, "", False)


def test_wait_returns_none_while_the_child_runs() -> None:
    with ChildProcess(shell("exec sleep 60")) as child:
        assert (child.wait(0.01), child.is_alive) == (None, True)


def test_stop_asks_politely_first(tmp_path: Path) -> None:
    child = ChildProcess(
        shell("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done", tmp_path / "l")
    )
    wait_until(lambda: "up" in child.log_tail(), "it is up")
    child.stop()

    assert (child.returncode, child.log_tail()) == (7, "up\nbye\n")


def test_stop_kills_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    child = ChildProcess(
        shell("trap '' TERM; echo up; while :; do sleep 0.01; done", tmp_path / "l")
    )
    wait_until(lambda: "up" in child.log_tail(), "it is up")
    child.stop(grace_s=0.1)

    assert (child.returncode, child.pids()) == (-signal.SIGKILL, frozenset())


def test_stop_twice_is_harmless() -> None:
    child = ChildProcess(shell("exec sleep 60"))
    child.stop()
    child.stop()

    assert child.returncode == -signal.SIGTERM


def test_stop_ends_a_grandchild_that_ignores_sigterm_in_the_same_group(tmp_path: Path) -> None:
    log = tmp_path / "l"
    child = ChildProcess(shell("sh -c 'trap \"\" TERM; echo $$; exec sleep 60' & wait", log))
    grandchild = pid_in(log)
    child.stop(grace_s=0.1)

    assert (runs(grandchild), child.pids()) == (False, frozenset())


def test_stop_ends_a_descendant_that_made_its_own_session(tmp_path: Path) -> None:
    log = tmp_path / "l"
    child = ChildProcess(shell("setsid sh -c 'echo $$; exec sleep 60' & wait", log))
    stranger = pid_in(log)
    child.stop()

    assert runs(stranger) is False


def test_stop_ends_what_a_killed_child_left_in_its_group(tmp_path: Path) -> None:
    log = tmp_path / "l"
    child = ChildProcess(shell("sleep 60 & echo $!; wait", log))
    orphan = pid_in(log)
    os.kill(child.pid, signal.SIGKILL)
    code = child.wait(10)
    left_before_stop = runs(orphan)
    child.stop()

    assert (code, left_before_stop, runs(orphan)) == (-signal.SIGKILL, True, False)


def test_stop_all_stops_in_one_grace_not_one_each(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo up; while :; do sleep 0.01; done"
    children = [ChildProcess(shell(stubborn, tmp_path / f"{n}")) for n in range(3)]
    wait_until(lambda: all("up" in child.log_tail() for child in children), "all are up")
    began = time.monotonic()
    stop_all(children, grace_s=2)

    assert time.monotonic() - began < 6  # as three graces would take, at the least
    assert [child.returncode for child in children] == [-signal.SIGKILL] * 3


def test_stop_all_asks_each_child_once(tmp_path: Path) -> None:
    """A second signal would meet a child that ends already, and cut that short."""
    log = tmp_path / "asked.log"
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "print('ready', flush=True)\n"
        "for _ in range(20): time.sleep(0.05)\n"
    )
    child = ChildProcess(python(script, log))
    wait_until(lambda: "ready" in child.log_tail(), "it is ready")

    stop_all([child], grace_s=5)

    assert log.read_text().split() == ["ready", "asked"]


def test_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "l"
    parent = ChildProcess(
        python(
            "import time\n"
            "from windlass.entrypoints.processes import ChildProcess, Command\n"
            "child = ChildProcess(Command(argv=['sleep', '60'], env={'PATH': '/bin:/usr/bin'}))\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(60)\n",
            log,
        )
    )
    grandchild = pid_in(log)
    os.kill(parent.pid, signal.SIGKILL)

    wait_until(lambda: not runs(grandchild), "its child ended too")
    parent.stop()


def test_a_missing_program_is_an_oserror() -> None:
    with pytest.raises(FileNotFoundError):
        ChildProcess(Command(argv=["/nowhere/program"], env=ENV))


def test_short_run_returns_its_output() -> None:
    assert run_to_end(["echo", "hello"], env=ENV, timeout_s=10) == "hello\n"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo broken >&2; exit 1", "PROC002 sh failed: broken"),
        ("exec sleep 9", "PROC002 sh took over 0.2 s"),
    ],
)
def test_short_run_that_fails_is_unavailable(script: str, message: str) -> None:
    with pytest.raises(Unavailable) as caught:
        run_to_end(["sh", "-c", script], env=ENV, timeout_s=0.2)

    assert str(caught.value) == message


def test_a_port_that_is_taken_is_refused_by_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Invalid, match=f"CFG005 the API cannot have port {port}"):
            check_port(port)


def test_free_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


class Recorder:
    """Collects events and sends one signal to this process when an event says so."""

    def __init__(self, send: signal.Signals, on: Callable[[list[str]], bool]) -> None:
        self.names: list[str] = []
        self.facts: list[dict[str, object]] = []
        self._send, self._on, self._sent = send, on, False

    def __call__(self, name: str, /, **facts: object) -> None:
        self.names.append(name)
        self.facts.append(facts)
        if self._on(self.names) and not self._sent:
            self._sent = True
            os.kill(os.getpid(), self._send)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_supervise_stops_its_children_on_a_signal(number: signal.Signals, code: int) -> None:
    events = Recorder(number, lambda names: names == ["process:started"] * 2)
    commands = {"api": shell("exec sleep 60"), "worker": shell("exec sleep 60")}

    assert supervise(commands, on_event=events) == code
    assert events.names == ["process:started"] * 2 + ["process:stopping", "process:stopped"]
    assert [runs(int(str(facts["pid"]))) for facts in events.facts[:2]] == [False, False]


def test_supervise_restarts_with_a_growing_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_RESTART_S", 0.02)
    monkeypatch.setattr(processes, "LAST_RESTART_S", 0.05)
    events = Recorder(signal.SIGTERM, lambda names: names.count("process:ended") == 4)
    supervise({"worker": shell("exit 5")}, on_event=events)

    ended = [facts for facts in events.facts if "restart_in_s" in facts]
    assert ended == [
        {"child": "worker", "restart_in_s": delay, "returncode": 5}
        for delay in (0.02, 0.04, 0.05, 0.05)
    ]


def test_supervise_forgets_the_delay_after_a_steady_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_RESTART_S", 0.02)
    monkeypatch.setattr(processes, "STEADY_S", 0.0)
    events = Recorder(signal.SIGTERM, lambda names: names.count("process:ended") == 3)
    supervise({"worker": shell("exit 0")}, on_event=events)

    assert [facts["restart_in_s"] for facts in events.facts if "restart_in_s" in facts] == [
        0.02
    ] * 3


def test_supervise_keeps_trying_a_program_that_is_not_there() -> None:
    events = Recorder(signal.SIGTERM, lambda names: "process:ended" in names)
    code = supervise({"api": Command(argv=["/nowhere"], env=ENV)}, on_event=events)

    assert (code, events.names) == (
        0,
        ["process:ended", "process:stopping", "process:stopped"],
    )


def test_supervise_gives_the_signal_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    events = Recorder(signal.SIGTERM, lambda names: names == ["process:started"])
    supervise({"api": shell("exec sleep 60")}, on_event=events)

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_piped_child_ends_with_its_block() -> None:
    with processes.piped(["sleep", "60"], env=ENV) as child:
        assert isinstance(child, subprocess.Popen)

    assert child.returncode == -signal.SIGKILL
