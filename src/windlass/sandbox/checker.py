"""Judges trees and files in killable processes: what hangs or dies costs a finding, no more."""

import json
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.checks.intake import MAX_TREE_BYTES, deployed_bytes, whole_key
from windlass.domain.airflowignore import Syntax
from windlass.domain.artifact import Artifact, Outline
from windlass.domain.errors import EngineFailed, Invalid
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.ignores import Ignores, read_globs
from windlass.domain.installed import Installed
from windlass.domain.tree import TreeEntry
from windlass.sandbox.ignoring import RegexpIgnores
from windlass.sandbox.installed import InstalledMemory
from windlass.sandbox.interpreter import ask_python, stamp_of
from windlass.sandbox.lint import Linted, Linter, linter_version
from windlass.sandbox.pool import IDLE_S, CheckProcess, Pool
from windlass.sandbox.signatures import Found

FILE_LIMIT_S = 10.0
TREE_LIMIT_S = 30.0
CALL_LIMIT_S = 120.0
MAX_DEATHS = 3
AHEAD = 4  # files sent to a process before it answers, so that it has never to wait for this one
AHEAD_BYTES = 20_000  # of them: with their requests they fit into a pipe
SLOW_S = 1.0  # after which those sent behind a file are taken back, for others to have their turn
TURN_S = 0.1  # for which a call keeps a process; hundreds of ordinary files
_MAX_REMEMBERED_WHOLES = 2000  # 100 bytes each, mostly: few trees have such findings
_MAX_REMEMBERED_FINDINGS = 20
_ASK_VERSION = "import platform; print(platform.python_version())"
SHARE_OUT = 50  # files from which starting threads pays off


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks say of one file or tree; `outline` is None where it could not be read."""

    findings: tuple[Finding, ...]
    outline: Outline | None


class Checker:
    """Judges trees and files in at most `size` processes of the interpreter `python`.

    Processes start when first needed and end after `idle_s` without use; a killed one is replaced
    at the next. Any number of threads may share one Checker: they take turns. A file may take
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
        linter: Path | None = None,
        idle_s: float = IDLE_S,
    ) -> None:
        self.python = python
        self._size = size
        self._file_limit_s = file_limit_s
        self._call_limit_s = call_limit_s
        self._max_deaths = max_deaths
        self._pool = Pool(python, size, idle_s)
        self._wholes = _Wholes()
        self._asking = threading.Lock()
        self._version: tuple[object, str] | None = None
        self._installed = InstalledMemory(python)
        self._linter = Linter(linter)
        self._ignores = RegexpIgnores(self._pool, file_limit_s)

    def twin(self) -> "Checker":
        """Another one of the same interpreter, with processes of its own."""
        return Checker(self.python, size=self._size)

    @property
    def python_version(self) -> str:
        """The version whose grammar the files are judged by, such as `3.12.4`. Asked again when
        another interpreter stands in its place.

        Raises Invalid PY001 where the interpreter does not run.
        """
        stamp = stamp_of(self.python)
        with self._asking:
            if self._version is None or self._version[0] != stamp:
                told = ask_python(self.python, _ASK_VERSION).strip()
                self._version = stamp, told
            return self._version[1]

    def check(self) -> None:
        """Raise EngineFailed PY001 where the interpreter does not run."""
        try:
            _ = self.python_version
        except Invalid as error:
            raise EngineFailed(error.code, error.message, error.hint) from error

    @property
    def engines(self) -> tuple[str, ...]:
        """What judges files beside our own checks and Python: ruff, and for which Airflow."""
        return (f"ruff {linter_version()}", f"airflow {self._airflow_major}")

    @property
    def _airflow_major(self) -> int | None:
        """None where the interpreter has no Airflow, or does not say."""
        try:
            found = self.installed.distributions
        except Invalid:
            return None
        version = found.get("apache-airflow-core") or found.get("apache-airflow")
        major = (version or "").partition(".")[0]
        return int(major) if major.isdecimal() else None

    @property
    def installed(self) -> Installed:
        """What the interpreter has installed now; raises as `InstalledMemory.now` does."""
        return self._installed.now()

    def signature(self, path: str) -> Found:
        """The signature of an operator, as the interpreter has it installed; None where that is
        not known."""
        try:
            return self._installed.signature(path)
        except Invalid:  # which `check` tells
            return None

    def read_ignores(self, artifact: Artifact, syntax: Syntax | None, root: str = "") -> Ignores:
        """What the ignore files of a tree say, by a syntax, or by the one that the interpreter's
        Airflow has by default. `root` is where Airflow's folder for DAGs has the tree."""
        by_default = Syntax.REGEXP if self._airflow_major == 2 else Syntax.GLOB
        if (syntax or by_default) is Syntax.GLOB:
            return read_globs(artifact)
        return self._ignores.read(artifact, root)

    def judge_tree(self, entries: Mapping[str, TreeEntry], fresh: list[str]) -> Judgement:
        """Intake over a whole tree; rules about single entries run for the paths in `fresh`.

        What the rules about the whole said is remembered, by all that they look at. Raises
        EngineFailed PY003 where no process can be started, as does `judge_files`.
        """
        key = whole_key(entries) if deployed_bytes(entries) <= MAX_TREE_BYTES else None
        known = self._wholes.get(key)
        rows = None if known is not None else [_row(entry) for entry in entries.values()]
        request = {"kind": "tree", "entries": rows, "fresh": [_row(entries[p]) for p in fresh]}
        with self._pool.borrow() as process:
            answer = process.ask(request, None, limit_s=TREE_LIMIT_S)
        if answer is None:
            return _died("", TREE_LIMIT_S)
        if known is None:
            known = tuple(Finding.from_json(row) for row in answer["whole"])
            self._wholes.keep(key, known)
        own = tuple(Finding.from_json(row) for row in answer["findings"])
        return Judgement((*own, *known), None)

    def judge_files(
        self, files: Mapping[str, bytes], families: Collection[str] = ()
    ) -> dict[str, Judgement]:
        """What the checks say of each file, by path; only files that `intake.is_read` names.

        Intake and syntax always look at them; of the other families, those that are named.
        Many files are shared out to all processes. Files that are left when the call's limits are
        reached get a denying finding without being looked at.
        """
        threads = self._size if len(files) >= SHARE_OUT else 1
        linted = self._lint(files) if "lint" in families else Linted()
        call = _Call(
            files,
            tuple(families),
            linted,
            limit_s=self._call_limit_s,
            max_deaths=self._max_deaths,
            threads=threads,
        )
        if threads == 1:
            self._work(call)
        else:
            with ThreadPoolExecutor(threads, thread_name_prefix="check") as executor:
                list(executor.map(self._work, [call] * threads))
        return {path: call.judged.get(path) or call.not_looked_at(path) for path in files}

    def _lint(self, files: Mapping[str, bytes]) -> Linted:
        python = {path: content for path, content in files.items() if path.endswith(".py")}
        return self._linter.lint(python, self.python_version, self._airflow_major)

    def close(self) -> None:
        """End all idle processes and the watchdog; the Checker cannot be used again."""
        self._pool.close()

    def _work(self, call: "_Call") -> None:
        """Judge files of the call until none is left; others have their turn in between."""
        while call.has_more:
            with self._pool.borrow() as process:
                self._turn(call, process, time.monotonic() + TURN_S)

    def _turn(self, call: "_Call", process: CheckProcess, ends: float) -> None:
        """Judge files until the turn ends. Some are sent ahead of the answers, so that the process
        has never to wait. Where one takes long, they are given back: nobody is to wait for them."""
        sent: deque[tuple[str, bytes]] = deque()
        while True:
            while time.monotonic() < ends and (following := call.take(sent)):
                self._send(call, process, *following)
                sent.append(following)
            if not sent:
                return
            path, _ = sent.popleft()
            began = time.monotonic()
            answer = process.receive(limit_s=self._file_limit_s)
            took_s = time.monotonic() - began
            judgement = _judgement(answer) if answer else _died(path, self._file_limit_s)
            call.note(path, judgement, took_s, died=answer is None)
            if sent and (answer is None or took_s > SLOW_S or call.is_over):
                process.kill()
                call.give_back(sent)
                return

    def _send(self, call: "_Call", process: CheckProcess, path: str, content: bytes) -> None:
        request = {
            "kind": "file",
            "path": path,
            "families": call.families,
            "lint": call.linted.rows.get(path, ()),
            "not_linted": call.linted.failed.get(path),
        }
        process.send(request, content, limit_s=self._file_limit_s)


class _Wholes:
    """What was said of whole trees, by their keys. Safe for threads."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[Finding, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str | None) -> tuple[Finding, ...] | None:
        with self._lock:
            return self._said.get(key) if key else None

    def keep(self, key: str | None, findings: tuple[Finding, ...]) -> None:
        if key is None or len(findings) > _MAX_REMEMBERED_FINDINGS:
            return
        with self._lock:
            self._said[key] = findings
            if len(self._said) > _MAX_REMEMBERED_WHOLES:
                self._said.popitem(last=False)


class _Call:
    """The files of one call, and what is left of its limits. Shared by the call's threads."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        families: tuple[str, ...],
        linted: Linted,
        *,
        limit_s: float,
        max_deaths: int,
        threads: int,
    ) -> None:
        self.families = families
        self.linted = linted
        self.judged: dict[str, Judgement] = {}
        self._files = deque(files.items())
        self._limit_s = limit_s
        self._left_s = limit_s * threads
        self._max_deaths = self._lives = max_deaths
        self._lock = threading.Lock()

    @property
    def has_more(self) -> bool:
        """Whether there is a file that may still be looked at."""
        return bool(self._files) and not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether a limit is reached."""
        return self._lives <= 0 or self._left_s <= 0

    def take(self, sent: Collection[tuple[str, bytes]] = ()) -> tuple[str, bytes] | None:
        """The next file to look at; None where there is none, a limit is reached, or it would be
        too much beside those that were sent already."""
        with self._lock:
            if not self.has_more:
                return None
            if sent:
                size = sum(self._size(*one) for one in (*sent, self._files[0]))
                if len(sent) >= AHEAD or size > AHEAD_BYTES:
                    return None
            return self._files.popleft()

    def _size(self, path: str, content: bytes) -> int:
        """About how many bytes ask about a file: not fewer than are sent."""
        rows = self.linted.rows.get(path)
        return len(content) + 6 * len(path) + (len(json.dumps(rows)) if rows else 0) + 500

    def give_back(self, files: Collection[tuple[str, bytes]]) -> None:
        """What was taken and not looked at."""
        with self._lock:
            self._files.extendleft(reversed(tuple(files)))

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


def _row(entry: TreeEntry) -> list[Any]:
    return [entry.path, entry.kind, entry.size_bytes, entry.target]


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
