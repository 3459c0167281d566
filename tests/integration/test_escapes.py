"""What a DAG file may try while it is imported, on every tier, as root and as an ordinary user.

Each attempt is a file that makes the DAG `held` where it was refused, and `escaped` where not.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sham import install_pytest, make_sham_airflow

TIERS = ["namespaces", "landlock", "limits"]
ACCOUNTS = ["root", "nobody"] if os.geteuid() == 0 else ["nobody"]
PRELUDE = """
import ctypes, os, signal, socket, subprocess, sys, threading, time
from airflow.sdk import DAG
libc = ctypes.CDLL(None, use_errno=True)
def must_fail(*ways):
    for way in ways:
        try:
            result = way()
        except (OSError, RuntimeError, ValueError, MemoryError):
            continue
        if isinstance(result, int) and not isinstance(result, bool) and result < 0:
            continue
        return DAG("escaped")
    DAG("held")
def call(number, *arguments):
    return libc.syscall(number, *arguments)
"""

READING = {
    "secret_file": "must_fail(lambda: open({secret!r}).read())",
    "accounts": "must_fail(lambda: open('/etc/passwd').read())",
    "processes": "must_fail(*(lambda p=p: open(f'/proc/{{p}}/environ').read()"
    " for p in ('self', 1, {pid}, os.getppid())))",
    "memory": "must_fail(lambda: open('/proc/self/mem', 'rb').read(1))",
    "around": "must_fail(lambda: os.listdir(os.path.dirname(os.path.dirname(__file__))"
    " if os.path.dirname(__file__) != '/dag' else '/windlass/trees'))",
    "home": "must_fail(lambda: os.listdir('/root'), lambda: os.listdir('/var'),"
    " lambda: os.listdir('/work'))",
}
TRYING = {
    "write_tree": "must_fail(lambda: open(__file__, 'a'), lambda: os.unlink(__file__),"
    " lambda: os.chmod(__file__, 0o777), lambda: os.truncate(__file__, 0),"
    " lambda: os.rename(__file__, __file__ + 'x'), lambda: os.utime(__file__),"
    " lambda: open(os.path.dirname(__file__) + '/new.py', 'w'))",
    "write_outside": "must_fail(*(lambda p=p: open(p + '/escaped', 'w') for p in"
    " ({folder!r}, '/dev/shm', '/var/tmp', '/', os.environ['AIRFLOW_HOME'], '/etc')))",
    "links": "must_fail(lambda: os.symlink('/etc/passwd', {folder!r} + '/escaped'),"
    " lambda: os.link({secret!r}, {folder!r} + '/escaped'),"
    " lambda: os.mkdir({folder!r} + '/escaped'), lambda: os.mkfifo({folder!r} + '/escaped'))",
    "tcp": "must_fail(lambda: socket.create_connection(('127.0.0.1', {port}), 1))",
    "udp": "must_fail(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    ".sendto(b'x', ('127.0.0.1', {port})))",
    "ipv6": "must_fail(lambda: socket.socket(socket.AF_INET6))",
    "unix": "must_fail(lambda: socket.socket(socket.AF_UNIX).connect({unix!r}))",
    "abstract": "must_fail(lambda: socket.socket(socket.AF_UNIX).connect({abstract!r}))",
    "other_sockets": "must_fail(*(lambda f=f: call(41, f, 3, 0) for f in (1, 16, 17, 38, 40)),"
    " lambda: socket.socketpair())",
    "names": "must_fail(lambda: socket.getaddrinfo('example.org', 80))",
    "descriptors": "must_fail(*(lambda n=n: os.fstat(n) for n in range(4, 256)))",
    "kill": "must_fail(lambda: os.kill({pid}, 9), lambda: os.kill(-1, 9),"
    " lambda: os.kill(os.getppid(), 9), lambda: os.killpg(1, 9), lambda: os.kill(1, 9))",
    "kill_otherwise": "must_fail(lambda: call(424, {pid}, 9, 0, 0), lambda: call(434, {pid}, 0),"
    " lambda: call(200, {pid}, 9), lambda: call(129, {pid}, 9, 0),"
    " lambda: __import__('fcntl').fcntl(os.pipe()[0], 8, {pid}))",
    "fork": "must_fail(os.fork, lambda: libc.fork(), lambda: libc.vfork(),"
    " lambda: call(435, 0, 0), lambda: os.forkpty(),"
    " lambda: os.posix_spawn('/bin/sh', ['sh'], {{}}))",
    "programs": "must_fail(lambda: os.execv('/bin/sh', ['sh']), lambda: subprocess.run(['true']),"
    " lambda: -os.system('true'))",
    "look_into_others": "must_fail(lambda: call(101, 16, {pid}, 0, 0),"
    " lambda: call(310, {pid}, 0, 0, 0, 0, 0), lambda: call(312, {pid}, {pid}, 0, 0, 0))",
    "privileges": "must_fail(lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]),"
    " lambda: os.setresuid(0, 0, 0), lambda: os.chown(__file__, 0, 0), lambda: os.chroot('/'))",
    "namespaces": "must_fail(*(lambda f=f: libc.unshare(f) for f in"
    " (0x10000000, 0x20000, 0x40000000, 0x20000000)), lambda: call(308, 3, 0))",
    "mounts": "must_fail(lambda: libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None),"
    " lambda: libc.umount2(b'/dag', 2), lambda: call(155, b'.', b'.'), lambda: call(428, 0, 0, 0))",
    "kernel": "must_fail(*(lambda n=n: call(n, 0, 0, 0, 0, 0, 0) for n in"
    " (250, 248, 321, 298, 425, 426, 427, 323, 319, 304, 303, 246, 320, 175, 313, 169, 135, 154,"
    " 272, 317, 447, 29, 240, 68, 64)))",
    "loosen": "must_fail(lambda: libc.prctl(1, 0, 0, 0, 0), lambda: libc.prctl(4, 1, 0, 0, 0),"
    " lambda: libc.prctl(22, 1, 0, 0, 0), lambda: call(302, {pid}, 7, b'0' * 16, 0),"
    " lambda: __import__('resource').setrlimit(7, (1 << 20, 1 << 20)))",
    "environment": "DAG('escaped' if 'hunter2' in str(dict(os.environ)) else 'held')",
    "account": "DAG('escaped' if 0 in os.getresuid() + os.getresgid() + tuple(os.getgroups())"
    " else 'held')",
}
HARM = {
    "exits": "os._exit(0)",
    "kills_itself": "os.kill(os.getpid(), 9)",
    "crashes": "ctypes.string_at(0)",
    "loops": "while True: pass",
    "sleeps": "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); time.sleep(60)",
    "handles_signals": "[signal.signal(s, lambda *a: None) for s in (2, 14, 15)]\n"
    "while True: time.sleep(60)",
    "gigabytes": "x = [bytearray(50_000_000) for _ in range(200)]",
    "thread_bomb": "[threading.Thread(target=time.sleep, args=(60,)).start()"
    " for _ in range(100_000)]",
    "recursion": "sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()",
    "closes_everything": "os.closerange(0, 64)",
    "hides": "os.close(3)\nwhile True: pass",
    "babbles": "os.write(3, b'{{}}')\nos._exit(0)",
    "floods": "while True: os.write(3, bytes(1 << 20))",
    "forges": 'os.write(3, b\'{{"dags": 5, "errors": null}}\'); os._exit(0)',
}
HARM_OF_TESTS = {
    "exits": "ended",
    "crashes": "ended",
    "handles_signals": "time",
    "gigabytes": "failed",
    "closes_everything": "ended",
    "babbles": "ended",
    "forges": "ended",
}
"""Those of them that are tried as tests too, and how such a run ends."""
HARMLESS = {
    "prints": "for _ in range(3000): print('x' * 10_000)\nDAG('held')",
    "leaves_threads": "threading.Thread(target=time.sleep, args=(600,)).start()\nDAG('held')",
    "at_exit": "import atexit\natexit.register(time.sleep, 600)\nDAG('held')",
    "big_file": "must_fail(lambda: open(os.environ['TMPDIR'] + '/x', 'wb').write("
    "bytes(20_000_000)) - 20_000_000)",
}


@dataclass(frozen=True)
class Host:
    """What there is to reach outside of the sandbox."""

    folder: Path
    secret: Path
    victim: "subprocess.Popen[bytes]"
    tcp: socket.socket
    unix: socket.socket
    abstract: socket.socket

    def words(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "secret": str(self.secret),
            "pid": self.victim.pid,
            "port": self.tcp.getsockname()[1],
            "unix": self.unix.getsockname(),
            "abstract": self.abstract.getsockname().decode(),
        }


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A folder that all may write in, a file that all may read, a process and open sockets, all of
    the account that is nobody's where that is possible."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="escapes-") as name,
        contextlib.ExitStack() as s,
    ):
        folder = Path(name)
        folder.chmod(0o777)
        secret = folder / "secret"
        secret.write_text("hunter2")
        tcp = s.enter_context(socket.create_server(("127.0.0.1", 0)))
        unix, abstract = (s.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        unix.bind(str(folder / "socket"))
        Path(folder / "socket").chmod(0o777)
        abstract.bind(f"\0escapes-{os.getpid()}")
        for one in (unix, abstract):
            one.listen()
        user = 65534 if os.geteuid() == 0 else None
        victim = subprocess.Popen(["sleep", "600"], user=user)
        yield Host(folder, secret, victim, tcp, unix, abstract)
        victim.kill()
        victim.wait()


@pytest.fixture(scope="module")
def sham(host: Host) -> Path:
    python = make_sham_airflow(host.folder / "sham")
    install_pytest(python)
    return python


@pytest.fixture(scope="module", params=[f"{t}-{a}" for t in TIERS for a in ACCOUNTS])
def told(request: pytest.FixtureRequest, host: Host, sham: Path) -> dict[str, dict[str, Any]]:
    """What came of every attempt, on one tier and for one account."""
    return asked_of("imports", request.param, host, sham)


@pytest.fixture(scope="module", params=[f"{t}-{a}" for t in TIERS for a in ACCOUNTS])
def tested(request: pytest.FixtureRequest, host: Host, sham: Path) -> dict[str, dict[str, Any]]:
    """What came of every attempt by a test, on one tier and for one account."""
    return asked_of("tests", request.param, host, sham)


def asked_of(kind: str, where: str, host: Host, sham: Path) -> dict[str, dict[str, Any]]:
    tier, _, account = where.partition("-")
    attempts = {**TRYING, **HARMLESS, **({} if tier == "limits" else READING)}
    as_what = written if kind == "imports" else as_tests
    harm = HARM if kind == "imports" else {name: HARM[name] for name in HARM_OF_TESTS}
    asked = {
        "kind": kind,
        "python": str(sham),
        "folder": str(host.folder),
        "account": account,
        "tier": tier,
        "files": as_what(attempts, host),
        "harmful": as_what(harm, host),
        "endless": [f"test_{name}.py" for name, end in HARM_OF_TESTS.items() if end == "time"],
    }
    command = [sys.executable, "-m", "tests.integration.importing_as"]
    env = {**os.environ, "WINDLASS_TEST_SECRET": "hunter2"}
    out = subprocess.run(
        command, check=True, input=json.dumps(asked), text=True, stdout=-1, env=env, timeout=110
    ).stdout
    answers: dict[str, dict[str, Any]] = json.loads(out)
    return answers


def written(attempts: dict[str, str], host: Host) -> dict[str, str]:
    return {
        f"{name}.py": PRELUDE + textwrap.dedent(code.format(**host.words()))
        for name, code in attempts.items()
    }


def as_tests(attempts: dict[str, str], host: Host) -> dict[str, str]:
    """The same attempts, each as a test that passes where it was refused."""
    makes_dag = "from airflow.sdk import DAG\n"
    judges = "def DAG(word):\n    assert word == 'held'\n"
    files = written(attempts, host)
    bodies = {name: text.removeprefix(PRELUDE) for name, text in files.items()}
    return {
        f"test_{name}": PRELUDE.replace(makes_dag, judges)
        + "def test_it():\n"
        + textwrap.indent(body, "    ")
        for name, body in bodies.items()
    }


def test_nothing_that_a_test_tries_succeeds(tested: dict[str, dict[str, Any]]) -> None:
    outcome = tested["all"]

    assert (outcome["failures"], outcome["end"]) == ([], "passed")
    assert outcome["passed"] >= len(TRYING) + len(HARMLESS)


def test_a_test_that_harms_its_run_does_not_pass(tested: dict[str, dict[str, Any]]) -> None:
    ends = {name: tested[f"test_{name}.py"]["end"] for name in HARM_OF_TESTS}

    assert ends == HARM_OF_TESTS


def test_tests_leave_nothing_behind(tested: dict[str, dict[str, Any]], host: Host) -> None:
    assert tested
    assert not (host.folder / "escaped").exists()
    assert host.victim.poll() is None


def test_nothing_that_is_tried_succeeds(told: dict[str, dict[str, Any]]) -> None:
    names = [name for name in [*TRYING, *READING, *HARMLESS] if f"{name}.py" in told]

    outcome = {name: told[f"{name}.py"]["dag_ids"] for name in names}

    assert outcome == {name: ["held"] for name in names}


def test_what_harms_itself_is_told_and_harms_nobody_else(told: dict[str, dict[str, Any]]) -> None:
    status = {name: told[f"{name}.py"]["status"] for name in HARM}

    assert status == dict.fromkeys(HARM, "failed")


def test_nothing_is_left_behind(told: dict[str, dict[str, Any]], host: Host) -> None:
    assert not (host.folder / "escaped").exists()
    assert [p.name for p in host.folder.iterdir() if p.name.startswith("windlass-imports")] == []
    assert host.victim.poll() is None


def test_nobody_was_connected_to(told: dict[str, dict[str, Any]], host: Host) -> None:
    for listening in (host.tcp, host.unix, host.abstract):
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
