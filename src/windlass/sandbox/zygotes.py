"""The zygote as Windlass sees it: a process that is started when first needed, asked by any number
of threads, and replaced when it dies."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from windlass.sandbox import child
from windlass.sandbox.inside import zygote
from windlass.sandbox.pool import END_LIMIT_S

START_LIMIT_S = 120.0
GRACE_S = 30.0
_MAX_HEADER = 100_000


class ZygoteDied(Exception):
    """It ended, or did not answer in time, while a file was asked about."""


class ZygoteRefused(Exception):
    """It could not start; the text says why."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """How imports are confined on this host: the `tier`, empty where none is to be had, and why
    each stronger one is not."""

    tier: str
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a fork ended: `why` is time or flood where the zygote killed it, else empty; `code` its
    exit code, negative for a signal; `content` what it wrote."""

    code: int
    why: str
    memory_kb: int
    content: bytes


class Zygote:
    """One process of the interpreter `python`, started with `config` (`inside.zygote.main`).

    It is killed where nothing comes of it for `grace_s` longer than a request may take. Requests
    are written by a thread of their own: a process that does not read them makes nobody wait for
    more than that, whoever asks.
    """

    def __init__(
        self, python: Path, config: Mapping[str, Any], *, grace_s: float = GRACE_S
    ) -> None:
        self._process = subprocess.Popen(
            [python, "-I", "-B", zygote.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._unsent: SimpleQueue[bytes | None] = SimpleQueue()
        self._pending: dict[int, Future[Ended]] = {}
        self._numbers = 0
        self._moved_at = time.monotonic()
        self.is_over = False
        starting = threading.Timer(START_LIMIT_S, self._kill)
        starting.start()
        threading.Thread(target=self._write, name="import-requests", daemon=True).start()
        self._unsent.put(json.dumps(config).encode())
        try:
            self.hello = self._header()
        except (OSError, EOFError, ValueError) as error:
            self.close()
            self._out.close()
            raise ZygoteRefused("it ended, or took too long, before it was ready") from error
        finally:
            starting.cancel()
        self.confinement = Confinement(
            str(self.hello["tier"]), {k: str(v) for k, v in self.hello["missing"].items()}
        )
        threading.Thread(target=self._listen, name="imports", daemon=True).start()

    def ask(self, request: Mapping[str, Any]) -> Ended:
        """What came of importing a file, once its turn has come. Raises ZygoteDied."""
        future: Future[Ended] = Future()
        asked_at = time.monotonic()
        number = self._register(future)
        self._unsent.put(json.dumps({**request, "number": number}).encode())
        patience_s = request["limit_s"] + self._grace_s
        while True:
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=min(5.0, patience_s))
            overdue_s = time.monotonic() - max(self._moved_at, asked_at) - patience_s
            if overdue_s > 0:
                self._kill()
            if overdue_s > END_LIMIT_S:  # something holds its pipes that cannot be killed
                self._be_over()

    def close(self) -> None:
        """End it, and whatever it is importing."""
        self.is_over = True
        self._kill()
        self._unsent.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=END_LIMIT_S)

    def _register(self, future: "Future[Ended]") -> int:
        """The number under which the answer is awaited."""
        with self._lock:
            if self.is_over:
                raise ZygoteDied
            self._numbers += 1
            if not self._pending:
                self._moved_at = time.monotonic()
            self._pending[self._numbers] = future
            return self._numbers

    def _write(self) -> None:
        """Send what is asked, in order, until the process is closed or gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError), self._process.stdin as stream:
            while (message := self._unsent.get()) is not None:
                child.write_frame(stream, message)
                stream.flush()

    def _listen(self) -> None:
        """Hand out answers until there are no more."""
        with self._out, contextlib.suppress(OSError, EOFError, ValueError, KeyError):
            while True:
                header = self._header()
                content = child.read_frame(self._out)
                if content is None:
                    break
                with self._lock:
                    future = self._pending.pop(header["number"])
                    self._moved_at = time.monotonic()
                future.set_result(
                    Ended(header["code"], header["why"], header["memory_kb"], content)
                )
        self._be_over()
        self.close()

    def _be_over(self) -> None:
        """Tell everybody who waits that nothing will come."""
        with self._lock:
            self.is_over = True
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(ZygoteDied())

    def _kill(self) -> None:
        """Kill it and the process inside its namespaces, which is of the same group."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _header(self) -> dict[str, Any]:
        frame = child.read_frame(self._out)
        if frame is None or len(frame) > _MAX_HEADER:
            raise EOFError
        header: dict[str, Any] = json.loads(frame)
        return header

    @property
    def _out(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout
