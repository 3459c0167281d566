"""Runs one DAG of a folder under an Airflow interpreter, and ends whatever that has started.

Nothing is confined here: it is a developer's command, for code of their own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.domain.errors import Invalid
from windlass.sandbox.inside import kernel, running

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_LAST_BYTES = 20_000
_END_LIMIT_S = 10.0
Tell = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class DagRunRequest:
    """What is to be run: `values` are connections (as URIs), variables and environment variables by
    kind and name; `logical_date` None is now."""

    folder: Path
    dag_id: str
    conf: Mapping[str, Any] = field(default_factory=dict)
    logical_date: str | None = None
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plugins: Path | None = None


@dataclass(frozen=True, slots=True)
class DagRunEnd:
    """How it ended: `state` is Airflow's, or `missing`, `timeout` or `died`. `last` is the last
    event that was told; `log` the end of what the run printed."""

    state: str
    last: Mapping[str, Any]
    log: str


def run_dag(
    python: Path, request: DagRunRequest, tell: Tell, *, limit_s: float, show_log: bool = False
) -> DagRunEnd:
    """Run a DAG to its end; `tell` hears of each task as it goes. With `show_log` what the run
    prints goes to standard error.

    Every process that it started is gone then, also where it is interrupted; so is every other
    child that this process gets meanwhile. Raises Invalid PY001 where the interpreter does not run.
    """
    with _adopting() as spared, _room() as home:
        log = Path(home, "output.log")
        reading, writing = os.pipe()
        with log.open("wb") as output:
            process = _start(python, sys.stderr if show_log else output, writing)
        os.close(writing)
        late = threading.Event()
        timer = threading.Timer(limit_s, _stop, (process, spared, late))
        timer.start()
        try:
            message = _message(request, Path(home) / "airflow", writing)
            last = _listen(process, reading, message, tell)
        finally:
            timer.cancel()
            _end(process, spared)
            os.close(reading)
        said = log.read_bytes()[-_LAST_BYTES:].decode("utf-8", "replace")
    return DagRunEnd(_state(last, is_late=late.is_set()), last, said)


def _stop(
    process: "subprocess.Popen[bytes]", spared: frozenset[int], late: threading.Event
) -> None:
    late.set()
    _end(process, spared)


def _room() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="windlass-dag-", ignore_cleanup_errors=True)


def _state(last: Mapping[str, Any], *, is_late: bool) -> str:
    if last.get("event") == "end":
        return str(last["state"])
    if last.get("event") == "missing":
        return "missing"
    return "timeout" if is_late else "died"


def _start(python: Path, output: Any, writing: int) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            [python, "-I", "-B", running.__file__],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except OSError as error:
        raise Invalid(
            "PY001",
            f"the interpreter {str(python)!r} does not run: {type(error).__name__}",
            "Name the python of an Airflow: --airflow-python, or WINDLASS_AIRFLOW_PYTHON.",
        ) from error


def _message(request: DagRunRequest, home: Path, writing: int) -> bytes:
    home.mkdir()
    told = {
        "events": writing,
        "home": str(home),
        "folder": str(request.folder),
        "dag_id": request.dag_id,
        "conf": dict(request.conf),
        "logical_date": request.logical_date,
        "plugins": str(request.plugins) if request.plugins else None,
        "values": {kind: dict(values) for kind, values in request.values.items()},
    }
    return json.dumps(told).encode()


def _listen(
    process: "subprocess.Popen[bytes]", reading: int, message: bytes, tell: Tell
) -> Mapping[str, Any]:
    """Hand every event on until there are no more; the last one."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(message)
    last: Mapping[str, Any] = {}
    with os.fdopen(os.dup(reading), "rb") as stream:
        for line in stream:
            last = json.loads(line)
            tell(last)
            if last["event"] in ("end", "missing"):
                break
    return last


def _end(process: "subprocess.Popen[bytes]", spared: frozenset[int]) -> None:
    """Kill the run and everything that came of it, also what left its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    deadline = time.monotonic() + _END_LIMIT_S
    while (orphans := _children() - spared) and time.monotonic() < deadline:
        for pid in orphans:  # one of another account cannot be ended, and is left
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


@contextlib.contextmanager
def _adopting() -> Iterator[frozenset[int]]:
    """Have processes whose parent ends become children of this one, where Linux can do that; those
    that it has already."""
    is_linux = sys.platform == "linux"
    before = frozenset(_children())
    if is_linux:
        kernel.prctl(_SUBREAPER, 1)
    try:
        yield before
    finally:
        if is_linux:
            kernel.prctl(_SUBREAPER, 0)


def _children() -> set[int]:
    """The children of this process; none where there is no /proc."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = place.read_text("utf-8", "replace").rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found.add(int(place.parent.name))
    return found
