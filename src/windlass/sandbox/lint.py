"""Runs ruff on files that nobody here trusts, so that they cannot configure or silence it.

ruff reads copies with numbers for names in a folder of their own, with no configuration but ours:
a repository's own settings, `.gitignore`, `noqa` and names of folders mean nothing there.
"""

import contextlib
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from windlass.domain.rules.lint import RUFF

LIMIT_S = 60.0
MAX_DEATHS = 3
MAX_MEMORY_BYTES = 8 << 30  # of addresses: each of its threads sets some aside
_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of ours alone is made in it
_SPARE, _SPARE_BYTES = 4, 32_000_000
_RULES = tuple(rule.code for rule in RUFF)

Row = tuple[str, str, str, int, int, int | None]
"""Code, message, what to do, line, column, the first column after it."""


@dataclass(slots=True)
class Linted:
    """What ruff says: rows by path, and of each path that it did not look at, why."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Linter:
    """ruff. Without `program` it is the one that was installed with Windlass."""

    def __init__(self, program: Path | None = None, *, limit_s: float = LIMIT_S) -> None:
        self._program = program
        self._limit_s = limit_s

    def lint(self, files: Mapping[str, bytes], python: str, airflow: int | None) -> Linted:
        """Look at Python files in one process; of those of which it dies, at smaller parts.

        `python` is the version that runs them, `airflow` the major version of Airflow, None where
        it is not known: then it is taken for the newest.
        """
        linted = Linted()
        paths = list(files)
        if not paths:
            return linted
        try:
            program = self._program or _find_program()
        except (ImportError, FileNotFoundError):
            linted.failed = dict.fromkeys(paths, "ruff is missing")
            return linted
        run = _Run(program, python, airflow, time.monotonic() + self._limit_s)
        parent = _find_memory(sum(map(len, files.values())))
        with tempfile.TemporaryDirectory(prefix="windlass-lint-", dir=parent) as folder:
            names = {f"{number}.py": path for number, path in enumerate(paths)}
            for name, path in names.items():
                _write(f"{folder}/{name}", files[path])
            run.look(Path(folder), list(names), names, linted)
        return linted


def linter_version() -> str:
    """The version of ruff beside this Windlass; empty where there is none.

    Read again where another program stands in its place: each poll wants it, and reading it takes
    a millisecond.
    """
    try:
        program = _find_program()
        return _version(program, program.stat().st_mtime_ns)
    except (ImportError, FileNotFoundError):  # of which a package that is not found is one
        return ""


@lru_cache(maxsize=1)
def _version(program: Path, changed_ns: int) -> str:  # noqa: ARG001  # what it depends on
    return version("ruff")


def _find_memory(size_bytes: int) -> Path | None:
    """A folder in memory with room for so many bytes, several times over, so that copies which live
    for a second are not written to a disk; None: the system's folder for temporary files."""
    try:
        found = os.statvfs(_MEMORY)
    except OSError:
        return None
    has_room = found.f_bavail * found.f_frsize > _SPARE * size_bytes + _SPARE_BYTES
    return _MEMORY if has_room and os.access(_MEMORY, os.W_OK) else None


def _write(path: str, content: bytes) -> None:
    """A thousand files: a third of the time that a file object would take."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)


@lru_cache(maxsize=1)
def _find_program() -> Path:
    from ruff import find_ruff_bin  # type: ignore[import-untyped]

    return Path(find_ruff_bin())


@dataclass(slots=True)
class _Run:
    program: Path
    python: str
    airflow: int | None
    deadline: float
    deaths: int = 0

    def look(self, folder: Path, part: list[str], names: Mapping[str, str], into: Linted) -> None:
        """Look at some of the files; where ruff dies, at each half of them by itself."""
        why = self._ask(folder, part, names, into)
        if why is None:
            return
        if len(part) == 1 or self.deaths >= MAX_DEATHS or time.monotonic() > self.deadline:
            self.deaths += 1
            into.failed |= {names[name]: why for name in part}
            return
        middle = len(part) // 2
        for half in (part[:middle], part[middle:]):
            self.look(folder, half, names, into)

    def _ask(
        self, folder: Path, part: list[str], names: Mapping[str, str], into: Linted
    ) -> str | None:
        """Why it did not work; None where it did."""
        try:
            process = subprocess.Popen(
                [*self._command(), *part],
                cwd=folder,
                env={},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"ruff does not start: {type(error).__name__}"
        with process:
            _confine(process.pid)
            try:
                output, _ = process.communicate(timeout=max(self.deadline - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                return "ruff took too long"
        if process.returncode != 0:
            return f"ruff ended with {process.returncode}"
        return _read(output, names, into)

    def _command(self) -> list[str]:
        rules = [c for c in _RULES if not c.startswith("AIR") or (self.airflow or 3) >= 3]
        major, minor = self.python.split(".")[:2]
        return [
            str(self.program),
            "check",
            "--isolated",
            "--no-respect-gitignore",
            "--ignore-noqa",
            "--no-cache",
            "--no-fix",
            "--quiet",
            "--preview",
            "--exit-zero",
            "--output-format=json",
            "--config=exclude=[]",
            f"--target-version=py{major}{minor}",
            f"--select={','.join(rules)}",
            "--",
        ]


def _confine(pid: int) -> None:
    """Limit what it may take, where the kernel can do that to another process."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _row(said: dict[str, Any]) -> Row:
    start, end = said["location"], said["end_location"]
    same_line = end["row"] == start["row"] and end["column"] > start["column"]
    hint = (said.get("fix") or {}).get("message") or ""
    return (
        said["code"],
        said["message"],
        hint,
        start["row"],
        start["column"],
        end["column"] if same_line else None,
    )


def _read(output: bytes, names: Mapping[str, str], into: Linted) -> str | None:
    try:
        said: list[dict[str, Any]] = json.loads(output)
    except ValueError:
        return "ruff's answer is none"
    for one in said:
        if one["code"] in _RULES:  # else it is the syntax, which Python has judged
            path = names[Path(one["filename"]).name]
            into.rows.setdefault(path, []).append(_row(one))
    return None
