"""Check processes, and who may use one: each lent to one thread at a time, in order of asking."""

import contextlib
import json
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from windlass.domain.errors import EngineFailed
from windlass.sandbox import child
from windlass.sandbox.interpreter import stamp_of

WATCH_S = 0.1
START_LIMIT_S = 60.0  # on a machine that is busy with other work
END_LIMIT_S = 10.0  # from being killed to being gone
IDLE_S = 600.0  # as the process that imports: they hold memory, and start in a tenth of a second


class Pool:
    """`size` processes of the interpreter `python`, started when first needed, ended when nobody
    used them for `idle_s`."""

    def __init__(self, python: Path, size: int, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self.processes = [CheckProcess(python) for _ in range(size)]
        self._idle = list(self.processes)
        self._waiting: deque[SimpleQueue[CheckProcess]] = deque()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="check-watchdog", daemon=True).start()

    @contextlib.contextmanager
    def borrow(self) -> Iterator["CheckProcess"]:
        """A process for this thread alone. Whoever waits longest is next."""
        process = self._take()
        try:
            process.renew()
            yield process
        finally:
            self._give_back(process)

    def close(self) -> None:
        """End all idle processes and the watchdog; the Pool cannot be used again."""
        self._closed.set()
        with self._lock:
            while self._idle:
                self._idle.pop().kill()

    def _take(self) -> "CheckProcess":
        with self._lock:
            if self._idle:
                return self._idle.pop()
            place: SimpleQueue[CheckProcess] = SimpleQueue()
            self._waiting.append(place)
        return place.get()

    def _give_back(self, process: "CheckProcess") -> None:
        """Hand it over. From a common queue, a thread that asks again at once would take it back
        before the one that waits has woken up."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().put(process)
            else:
                self._idle.append(process)

    def _watch(self) -> None:
        """Kill what takes too long. One thread for all: a timer for each file would cost more than
        checking the file."""
        while not self._closed.wait(WATCH_S):
            for process in self.processes:
                process.kill_if_late()
            with self._lock:  # so that nobody borrows one meanwhile
                for process in self._idle:
                    process.kill_if_unused(self._idle_s)


@dataclass(slots=True)
class CheckProcess:
    """One check process and the pipes to it; used by one thread at a time."""

    python: Path
    _process: subprocess.Popen[bytes] | None = None
    _deadline: float | None = None
    _used_at: float = 0.0
    _stamp: object = None

    def ask(
        self, request: dict[str, Any], content: bytes | None, *, limit_s: float
    ) -> dict[str, Any] | None:
        """The answer, or None where the process died of it or ran out of time. Raises EngineFailed
        PY003 where none can be started."""
        self.send(request, content, limit_s=limit_s)
        return self.receive(limit_s=limit_s)

    def send(self, request: dict[str, Any], content: bytes | None, *, limit_s: float) -> None:
        """Ask without waiting for the answer, which `receive` gives. Where others are not answered
        yet, all of them together have to fit into a pipe: nobody reads there meanwhile."""
        process = self._process or self._start()
        assert process.stdin is not None
        self._deadline = time.monotonic() + limit_s
        with contextlib.suppress(BrokenPipeError):  # `receive` finds it dead
            child.write_frame(process.stdin, json.dumps(request).encode())
            if content is not None:
                child.write_frame(process.stdin, content)
            process.stdin.flush()

    def receive(self, *, limit_s: float) -> dict[str, Any] | None:
        """The answer to the first that was sent and has none; None as of `ask`."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        deadline = self._deadline = time.monotonic() + limit_s
        answer = child.read_frame(process.stdout)
        self._deadline, self._used_at = None, time.monotonic()
        if answer is None or self._used_at > deadline:  # the watchdog may be killing it
            self.kill()
            return None
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def kill_if_late(self) -> None:
        """Make a pending `ask` return None where its time is up. For another thread to call."""
        deadline, process = self._deadline, self._process
        if deadline is not None and time.monotonic() > deadline and process is not None:
            process.kill()

    def kill_if_unused(self, idle_s: float) -> None:
        """End the process where the last `ask` is that long ago. Not while somebody asks."""
        if self._process is not None and time.monotonic() > self._used_at + idle_s:
            self.kill()

    def kill(self) -> None:
        """End the process at once; the next `ask` starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # unflushed bytes to a dead process
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel
            process.wait(timeout=END_LIMIT_S)

    def renew(self) -> None:
        """End it where it died, or runs under an interpreter that was replaced since, which judges
        by another grammar."""
        stamp = stamp_of(self.python)
        if self._process is None or self._process.poll() is not None or self._stamp != stamp:
            self.kill()
            self._stamp = stamp

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                [self.python, "-I", "-B", child.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise self._failed(type(error).__name__) from error
        assert process.stdout is not None
        self._process, self._deadline = process, time.monotonic() + START_LIMIT_S
        if child.read_frame(process.stdout) is None:  # starting is no file's fault
            self.kill()
            raise self._failed("it ended, or took too long, before it was ready")
        return process

    def _failed(self, why: str) -> EngineFailed:
        return EngineFailed(
            "PY003",
            f"no check process can be started under {str(self.python)!r}: {why}",
            "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
        )
