"""The zygote: Airflow imported once, a confined fork for each DAG file.

Started as a script by `sandbox.zygotes` under the environment's Airflow interpreter (`-I`), with an
empty environment. It speaks frames (`sandbox.child`) on its standard pipes: a request for each
file, an answer for each request, whose second frame are the bytes that the fork wrote; it does not
look at them. It ends when its input does, or when nothing was asked for long.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SOURCES = str(Path(__file__).resolve().parents[3])
if __name__ == "__main__":
    sys.path.insert(0, _SOURCES)

from windlass.sandbox.child import read_frame, write_frame  # noqa: E402
from windlass.sandbox.inside import (  # noqa: E402
    confine,
    importing,
    kernel,
    testing,
    values,
    watching,
)

_MAX_ANSWER_BYTES = 32_000_000


@dataclass
class _Fork:
    """A file that is being imported, or the tests of a tree that are run."""

    number: int
    pid: int
    is_tests: bool
    began: float
    deadline: float
    content: bytearray = field(default_factory=bytearray)
    why: str = ""


class Zygote:
    """Serves requests until the input ends: at most `size` imports at a time, and beside them the
    tests of one tree, which take long."""

    def __init__(self, room: confine.Room, config: dict[str, Any], pipes: "_Pipes") -> None:
        self._room = room
        self._size: int = config["size"]
        self._idle_s: float = config["idle_s"]
        self._memory_bytes: int = config["memory_bytes"]
        self._pipes = pipes
        self._airflow: importing.Airflow | None = None
        self._waiting: list[dict[str, Any]] = []
        self._tests: list[dict[str, Any]] = []
        self._forks: dict[int, _Fork] = {}
        self._selector = selectors.DefaultSelector()
        self._null = os.open(os.devnull, os.O_RDWR)

    def prepare(self, plugins: str | None) -> str:
        """Import Airflow; its version."""
        home = self._room.home
        Path(f"{home}/airflow.cfg").touch()
        os.environ.update(_environment(self._room, plugins))
        values.install()
        self._airflow = importing.Airflow()
        self._airflow.be_quiet()
        self._airflow.warm_up(home)
        values.watch_environment()
        gc.collect()
        gc.freeze()
        with open(self._room.maps, closefd=False) as maps:
            kernel.collapse_memory(maps.read())
        return self._airflow.version

    def serve(self) -> None:
        requests = self._selector.register(self._pipes.reading, selectors.EVENT_READ)
        quiet_since = time.monotonic()
        while True:
            for key, _ in self._selector.select(self._patience_s()):
                if key.fd != requests.fd:
                    self._read(key.fd)
                elif not self._take():
                    return
            self._kill_late()
            tests = sum(fork.is_tests for fork in self._forks.values())
            while self._waiting and len(self._forks) - tests < self._size:
                self._start(self._waiting.pop(0), self._import)
            if self._tests and not tests:
                self._start(self._tests.pop(0), self._test)
            if self._forks:
                quiet_since = time.monotonic()
            elif time.monotonic() > quiet_since + self._idle_s:
                return

    def _patience_s(self) -> float:
        ends = [fork.deadline - time.monotonic() for fork in self._forks.values()]
        return max(0.0, min([self._idle_s, *ends]))  # one that was killed has no end

    def _take(self) -> bool:
        """Read one request; whether there was one."""
        frame = read_frame(self._pipes)  # type: ignore[arg-type]
        if frame is None:
            return False
        request = json.loads(frame)
        (self._tests if "token" in request else self._waiting).append(request)
        return True

    def _start(self, request: dict[str, Any], work: Callable[[dict[str, Any], int], None]) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                work(request, writing)
            finally:
                os._exit(70)
        os.close(writing)
        began = time.monotonic()
        deadline = began + request["limit_s"]
        is_tests = "token" in request
        self._forks[reading] = _Fork(request["number"], pid, is_tests, began, deadline)
        self._selector.register(reading, selectors.EVENT_READ)

    def _import(self, request: dict[str, Any], writing: int) -> None:
        """In the fork: be confined, import, answer, end."""
        assert self._airflow is not None
        root = self._be_confined(request, writing)
        tree = f"{root}/{request['inside']}" if request["inside"] else root
        watch = watching.Watch(tree, self._room.tmp)
        values.VALUES.known = request["values"]
        values.VALUES.note = watch.note_asked
        watch.start()
        answer = self._airflow.load(f"{tree}/{request['path']}", tree, watch, root)
        answer["events"] = [[*event] for event in watch.events]
        answer["asked"] = [[*name, *place] for name, place in watch.asked.items()]
        answer["opened"] = sorted(watch.opened)
        answer["listed"] = sorted(watch.listed)
        answer["searched"] = [[*found] for found in sorted(watch.searched)]
        answer["is_blind"] = watch.is_blind
        _answer(answer, tree)

    def _test(self, request: dict[str, Any], writing: int) -> None:
        """In the fork: be confined, run the tests, answer, end."""
        tree = self._be_confined(request, writing)
        values.VALUES.known = request["values"]
        token = request.pop("token")
        answer = testing.run(tree, request["below"], self._room.tmp)
        _answer({**answer, "token": token}, tree)

    def _be_confined(self, request: dict[str, Any], writing: int) -> str:
        """Have nothing open but the answer, be confined for good; the path of the tree."""
        os.dup2(writing, 3)
        for number in (0, 1, 2):
            os.dup2(self._null, number)
        memory_bytes = self._memory_bytes + self._own_bytes()
        os.closerange(4, 4096)
        os.umask(0o077)
        os.chdir("/")
        caps = confine.Caps(int(request["limit_s"]) + 1, memory_bytes)
        confine.confine(self._room, request["tree"], caps)
        gc.enable()
        return self._room.place_of(request["tree"])

    def _own_bytes(self) -> int:
        """How much address space this process has."""
        pages = os.pread(self._room.statm, 100, 0).split()[0]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def _read(self, fd: int) -> None:
        fork = self._forks[fd]
        chunk = os.read(fd, 1 << 20)
        fork.content += chunk
        if len(fork.content) > _MAX_ANSWER_BYTES and not fork.why:
            self._kill(fork, "flood")
        if not chunk:
            self._end(fd, fork)

    def _kill_late(self) -> None:
        for fork in self._forks.values():
            if not fork.why and time.monotonic() > fork.deadline:
                self._kill(fork, "time")

    def _kill(self, fork: _Fork, why: str) -> None:
        fork.why = why
        fork.deadline = float("inf")
        with contextlib.suppress(ProcessLookupError):
            os.kill(fork.pid, signal.SIGKILL)

    def _end(self, fd: int, fork: _Fork) -> None:
        self._selector.unregister(fd)
        os.close(fd)
        del self._forks[fd]
        status, usage = _wait_for_end(fork.pid)
        code = os.waitstatus_to_exitcode(status)
        answer = {
            "number": fork.number,
            "code": code,
            "why": fork.why,
            "wall_s": time.monotonic() - fork.began,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "memory_kb": usage.ru_maxrss,
        }
        self._pipes.send(answer, b"" if fork.why else bytes(fork.content))


def _answer(answer: dict[str, Any], tree: str) -> None:
    """Write it and end at once, before anything that was left behind can say more."""
    content = memoryview(importing.encode(answer, tree))
    while content:
        content = content[os.write(3, content) :]
    os._exit(0)


def _wait_for_end(pid: int) -> tuple[int, Any]:
    """How a fork ended that has closed its pipe. One that goes on all the same is killed."""
    for _ in range(20):
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    return os.wait4(pid, 0)[1:]


class _Pipes:
    """Both pipes to Windlass, moved away from the standard descriptors."""

    def __init__(self) -> None:
        self.reading, self._writing = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.close(null)

    def read(self, length: int) -> bytes:
        """That many bytes, fewer only where the input ends. Nothing is read ahead."""
        content = bytearray()
        while len(content) < length and (chunk := os.read(self.reading, length - len(content))):
            content += chunk
        return bytes(content)

    def send(self, header: dict[str, Any], content: bytes | None = None) -> None:
        with open(self._writing, "wb", closefd=False) as stream:
            write_frame(stream, json.dumps(header).encode())
            if content is not None:
                write_frame(stream, content)

    def close(self) -> None:
        os.close(self.reading)
        os.close(self._writing)


def _environment(room: confine.Room, plugins: str | None) -> dict[str, str]:
    """All that an import finds in its environment."""
    return {
        "HOME": room.home,
        "USER": "airflow",
        "LOGNAME": "airflow",
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": room.tmp,
        "PYTHONDONTWRITEBYTECODE": "1",
        "_AIRFLOW__AS_LIBRARY": "1",
        "_AIRFLOW_PROCESS_CONTEXT": "client",
        "AIRFLOW_HOME": room.home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "True",  # for the plugins that those come with
        "AIRFLOW__CORE__PLUGINS_FOLDER": plugins or f"{room.home}/plugins",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "200",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0",  # the zygote keeps the time
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }


def main() -> None:
    """Read the configuration, be confined, import Airflow, serve."""
    pipes = _Pipes()
    config = json.loads(read_frame(pipes) or b"{}")  # type: ignore[arg-type]
    sys.path[:] = [path for path in sys.path if path != _SOURCES]
    for name in [name for name in sys.modules if name.partition(".")[0] == "windlass"]:
        del sys.modules[name]  # no DAG needs them
    hello = {"tier": "", "missing": {}}
    try:
        zygote = _ready(config, pipes, hello)
    except Exception as error:  # noqa: BLE001  # whatever it is, people must read it
        hello["error"] = f"{type(error).__name__}: {error}"[:2000]
        zygote = None
    pipes.send(hello)
    if zygote is not None:
        zygote.serve()


def _ready(config: dict[str, Any], pipes: "_Pipes", hello: dict[str, Any]) -> "Zygote | None":
    """The zygote, confined and with Airflow; None where only the tier was asked for."""
    room = confine.Room(config["work"], config["uid"], config["gid"], config["readable"])
    room.tier, hello["missing"] = confine.probe(room, config["tiers"])
    hello["tier"] = room.tier
    if not room.tier or config["is_probe"]:
        return None
    outside = confine.enter(room)
    if outside:
        pipes.close()
        os.waitpid(outside, 0)
        os._exit(0)
    zygote = Zygote(room, config, pipes)
    hello["airflow"] = zygote.prepare(config["plugins"])
    return zygote


if __name__ == "__main__":
    main()
