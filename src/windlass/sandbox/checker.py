"""Judges trees and files in killable processes: what hangs or dies costs a finding, no more."""

import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from windlass.domain.artifact import Outline
from windlass.domain.errors import Invalid
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.tree import TreeEntry
from windlass.sandbox.pool import CheckProcess, Pool

FILE_LIMIT_S = 10.0
TREE_LIMIT_S = 30.0
CALL_LIMIT_S = 120.0
MAX_DEATHS = 3
TURN_S = 0.1  # for which a call keeps a process; hundreds of ordinary files
SHARE_OUT = 50  # files from which starting threads pays off


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks say of one file or tree; `outline` is None where it could not be read."""

    findings: tuple[Finding, ...]
    outline: Outline | None


class Checker:
    """Judges trees and files in at most `size` processes of the interpreter `python`.

    Processes start when first needed and live until `close`; a killed one is replaced at the next
    use. Any number of threads may share one Checker: they take turns. A file may take
    `file_limit_s`, all files of one call `call_limit_s`, not counting the time that others had
    their turn, and `max_deaths` of them may cost a process its life.
    """

    def __init__(
        self,
        python: Path,
        *,
        size: int = 2,
        file_limit_s: float = FILE_LIMIT_S,
        call_limit_s: float = CALL_LIMIT_S,
        max_deaths: int = MAX_DEATHS,
    ) -> None:
        self.python = python
        self._size = size
        self._file_limit_s = file_limit_s
        self._call_limit_s = call_limit_s
        self._max_deaths = max_deaths
        self._pool = Pool(python, size)

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
        with self._pool.borrow() as process:
            answer = process.ask(request, None, limit_s=TREE_LIMIT_S)
        return _judgement(answer) if answer else _died("", TREE_LIMIT_S)

    def judge_files(self, files: Mapping[str, bytes]) -> dict[str, Judgement]:
        """What the checks say of each file, by path; only files that `intake.is_read` names.

        Many files are shared out to all processes. Files that are left when the call's limits are
        reached get a denying finding without being looked at.
        """
        threads = self._size if len(files) >= SHARE_OUT else 1
        call = _Call(files, self._call_limit_s, self._max_deaths, threads)
        if threads == 1:
            self._work(call)
        else:
            with ThreadPoolExecutor(threads, thread_name_prefix="check") as executor:
                list(executor.map(self._work, [call] * threads))
        return {path: call.judged.get(path) or call.not_looked_at(path) for path in files}

    def close(self) -> None:
        """End all idle processes and the watchdog; the Checker cannot be used again."""
        self._pool.close()

    def _work(self, call: "_Call") -> None:
        """Judge files of the call until none is left; others have their turn in between."""
        following = call.take()
        while following:
            with self._pool.borrow() as process:
                ends = time.monotonic() + TURN_S
                while following and time.monotonic() < ends:
                    self._judge(call, process, *following)
                    following = call.take()

    def _judge(self, call: "_Call", process: CheckProcess, path: str, content: bytes) -> None:
        began = time.monotonic()
        request = {"kind": "file", "path": path}
        answer = process.ask(request, content, limit_s=self._file_limit_s)
        judgement = _judgement(answer) if answer else _died(path, self._file_limit_s)
        call.note(path, judgement, time.monotonic() - began, died=answer is None)


class _Call:
    """The files of one call, and what is left of its limits. Shared by the call's threads."""

    def __init__(
        self, files: Mapping[str, bytes], limit_s: float, max_deaths: int, threads: int
    ) -> None:
        self.judged: dict[str, Judgement] = {}
        self._files = iter(files.items())
        self._limit_s = limit_s
        self._left_s = limit_s * threads
        self._max_deaths = self._lives = max_deaths
        self._lock = threading.Lock()

    def take(self) -> tuple[str, bytes] | None:
        """The next file to look at; None where there is none, or a limit is reached."""
        with self._lock:
            return next(self._files, None) if self._lives > 0 and self._left_s > 0 else None

    def note(self, path: str, judgement: Judgement, took_s: float, *, died: bool) -> None:
        with self._lock:
            self.judged[path] = judgement
            self._left_s -= took_s
            self._lives -= died

    def not_looked_at(self, path: str) -> Judgement:
        why = (
            f"the files before it took longer than {self._limit_s:g} s"
            if self._lives > 0
            else f"{self._max_deaths} files before it could not be checked either"
        )
        finding = _finding(
            "SYN003",
            Severity.CRITICAL,
            path,
            f"the file was not looked at: {why}",
            "Make the file smaller and simpler; Windlass deploys nothing that it could not check.",
        )
        return Judgement((finding,), None)


def _judgement(answer: dict[str, Any]) -> Judgement:
    outline = answer["outline"]
    return Judgement(
        tuple(Finding.from_json(row) for row in answer["findings"]),
        Outline.from_json(outline) if outline is not None else None,
    )


def _died(path: str, limit_s: float) -> Judgement:
    finding = _finding(
        "SYN003",
        Severity.CRITICAL,
        path,
        f"the check process died of it, or took longer than {limit_s:g} s",
        "Make the file smaller and simpler; Windlass deploys nothing that it could not check.",
    )
    return Judgement((finding,), None)


def _finding(code: str, severity: Severity, path: str, message: str, hint: str) -> Finding:
    kind = FindingType.SYNTAX if path else FindingType.INTAKE
    return Finding(code, severity, kind, path, message, hint)
