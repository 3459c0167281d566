"""A pool of killable check processes: one that hangs or dies costs one file a finding, no more."""

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from queue import LifoQueue
from typing import Any

from windlass.domain.artifact import Outline
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.tree import TreeEntry
from windlass.sandbox import child

FILE_LIMIT_S = 10.0
TREE_LIMIT_S = 30.0
WATCH_S = 0.1
SHARE_OUT = 50  # files from which starting threads pays off


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks say of one file or tree; `outline` is None where it could not be read."""

    findings: tuple[Finding, ...]
    outline: Outline | None


class Checker:
    """Judges trees and files in at most `size` processes of the interpreter `python`.

    Processes start when first needed and live until `close`; a killed one is replaced at the next
    use. Any number of threads may share one Checker.
    """

    def __init__(self, python: Path, *, size: int = 2, file_limit_s: float = FILE_LIMIT_S) -> None:
        self.python = python
        self._file_limit_s = file_limit_s
        self._children = [_Child(python) for _ in range(size)]
        self._idle: LifoQueue[_Child] = LifoQueue()
        for process in self._children:
            self._idle.put(process)
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="check-watchdog", daemon=True).start()

    @cached_property
    def python_version(self) -> str:
        """The version whose grammar the files are judged by, such as `3.12.4`.

        Raises Invalid PY001 where the interpreter does not run.
        """
        script = "import platform; print(platform.python_version())"
        try:
            output = subprocess.run(
                [self.python, "-I", "-c", script],
                env={},
                capture_output=True,
                check=True,
                timeout=20,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Invalid(
                "PY001",
                f"the interpreter {str(self.python)!r} does not run: {type(error).__name__}",
                "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
            ) from error
        return output.stdout.strip()

    def judge_tree(self, entries: Mapping[str, TreeEntry], fresh: list[str]) -> Judgement:
        """Intake over a whole tree; rules about single entries run for the paths in `fresh`."""
        rows = [[e.path, e.kind, e.oid, e.size_bytes, e.target] for e in entries.values()]
        request = {"kind": "tree", "entries": rows, "fresh": fresh}
        with self._borrow() as process:
            return process.ask(request, None, limit_s=TREE_LIMIT_S) or _died("", TREE_LIMIT_S)

    def judge_files(self, files: Mapping[str, bytes]) -> dict[str, Judgement]:
        """What the checks say of each file, by path; only files that `intake.is_read` names.

        Many files are shared out to all processes.
        """
        size = len(self._children) if len(files) >= SHARE_OUT else 1
        shares = [dict(islice(files.items(), start, None, size)) for start in range(size)]
        if size == 1:
            return self._judge_share(shares[0])
        with ThreadPoolExecutor(size, thread_name_prefix="check") as executor:
            judged = [
                pair for one in executor.map(self._judge_share, shares) for pair in one.items()
            ]
        return dict(judged)

    def close(self) -> None:
        """End all idle processes and the watchdog; the Checker cannot be used again."""
        self._closed.set()
        while not self._idle.empty():
            self._idle.get().kill()

    def _watch(self) -> None:
        """Kill what takes too long. One thread for all: a timer for each file would cost more than
        checking the file."""
        while not self._closed.wait(WATCH_S):
            for process in self._children:
                process.kill_if_late()

    def _judge_share(self, files: Mapping[str, bytes]) -> dict[str, Judgement]:
        with self._borrow() as process:
            return {path: self._judge(process, path, text) for path, text in files.items()}

    def _judge(self, process: "_Child", path: str, content: bytes) -> Judgement:
        request = {"kind": "file", "path": path}
        answer = process.ask(request, content, limit_s=self._file_limit_s)
        return answer or _died(path, self._file_limit_s)

    @contextlib.contextmanager
    def _borrow(self) -> Iterator["_Child"]:
        process = self._idle.get()
        try:
            yield process
        finally:
            self._idle.put(process)


@dataclass(slots=True)
class _Child:
    """One check process and the pipes to it; used by one thread at a time."""

    python: Path
    _process: subprocess.Popen[bytes] | None = None
    _deadline: float | None = None

    def ask(
        self, request: dict[str, Any], content: bytes | None, *, limit_s: float
    ) -> Judgement | None:
        """The answer, or None where the process died of it or ran out of time."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = self._deadline = time.monotonic() + limit_s
        try:
            child.write_frame(process.stdin, json.dumps(request).encode())
            if content is not None:
                child.write_frame(process.stdin, content)
            process.stdin.flush()
            answer = child.read_frame(process.stdout)
        except BrokenPipeError:
            answer = None
        finally:
            self._deadline = None
        if answer is None or time.monotonic() > deadline:  # the watchdog may be killing it
            self.kill()
            return None
        return _judgement(json.loads(answer))

    def kill_if_late(self) -> None:
        """Make a pending `ask` return None where its time is up. For another thread to call."""
        deadline, process = self._deadline, self._process
        if deadline is not None and time.monotonic() > deadline and process is not None:
            process.kill()

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
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self._process = subprocess.Popen(
                [self.python, "-I", "-B", child.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        return self._process


def _judgement(answer: dict[str, Any]) -> Judgement:
    outline = answer["outline"]
    return Judgement(
        tuple(Finding.from_json(row) for row in answer["findings"]),
        Outline.from_json(outline) if outline is not None else None,
    )


def _died(path: str, limit_s: float) -> Judgement:
    finding = Finding(
        "SYN003",
        Severity.CRITICAL,
        FindingType.SYNTAX if path else FindingType.INTAKE,
        path,
        f"the check process died of it, or took longer than {limit_s:g} s",
        "Make the file smaller and simpler; Windlass deploys nothing that it could not check.",
    )
    return Judgement((finding,), None)
