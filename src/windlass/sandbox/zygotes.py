"""The zygote as Windlass sees it: a process that is started when first needed, asked by any number
of threads, and replaced when it dies."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from windlass.sandbox import child
from windlass.sandbox.inside import zygote

START_LIMIT_S = 120.0
_GRACE_S = 30.0
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
    """One process of the interpreter `python`, started with `config` (`inside.zygote.main`)."""

    def __init__(self, python: Path, config: Mapping[str, Any]) -> None:
        self._process = subprocess.Popen(
            [python, "-I", "-B", zygote.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Ended]] = {}
        self._numbers = 0
        self._moved_at = time.monotonic()
        self.is_over = False
        starting = threading.Timer(START_LIMIT_S, self._process.kill)
        starting.start()
        try:
            self._send(config)
            self.hello = self._header()
        except (OSError, EOFError, ValueError) as error:
            self.close()
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
        with self._lock:
            if self.is_over:
                raise ZygoteDied
            self._numbers += 1
            number = self._numbers
            if not self._pending:
                self._moved_at = time.monotonic()
            self._pending[number] = future
            try:
                self._send({**request, "number": number})
            except OSError as error:
                raise ZygoteDied from error
        while True:
            with contextlib.suppress(TimeoutError):
                return future.result(timeout=5.0)
            patience_s = request["limit_s"] + _GRACE_S
            if time.monotonic() > max(self._moved_at, asked_at) + patience_s:
                self._process.kill()

    def close(self) -> None:
        """End it, and whatever it is importing."""
        self.is_over = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _listen(self) -> None:
        """Hand out answers until there are no more."""
        try:
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
        except (OSError, EOFError, ValueError, KeyError):
            pass
        with self._lock:
            self.is_over = True
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(ZygoteDied())
        self.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        child.write_frame(self._process.stdin, json.dumps(message).encode())
        self._process.stdin.flush()

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
