"""Imports DAG files under the environment's own Airflow, each in a confined fork of one process."""

import atexit
import contextlib
import os
import pwd
import threading
from collections.abc import Container, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from windlass.domain.artifact import Artifact
from windlass.domain.errors import EngineFailed, Invalid
from windlass.domain.imported import Asked, Deed, Imported, ImportStatus, Problem, Trouble, Use
from windlass.domain.needs import Surroundings
from windlass.sandbox.answer import read_answer
from windlass.sandbox.inside.confine import TIERS
from windlass.sandbox.interpreter import Interpreter
from windlass.sandbox.stage import Stage, Stages
from windlass.sandbox.zygotes import Confinement, Ended, Zygote, ZygoteDied, ZygoteRefused

LIMIT_S = 30.0
"""How long Airflow waits for a DAG file by default (core.dagbag_import_timeout)."""
MAX_LOST = 3
_FIRST_UID = 64_400  # beyond the accounts of people, below 2^16, which containers may not pass
_NOTHING: Mapping[str, Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """What imports may use: `size` at a time, each `limit_s` and `memory_mb`; the process that
    they are forked from ends when nothing was asked for `idle_s`. `least` is the weakest tier that
    is good enough, `tiers` those that are tried."""

    size: int = 2
    limit_s: float = LIMIT_S
    memory_mb: int = 1024
    idle_s: float = 600.0
    least: str = "landlock"
    tiers: tuple[str, ...] = TIERS


def is_enough(tier: str, least: str) -> bool:
    """Whether a tier, empty for none, is as strong as the least that is asked for.

    >>> (
    ...     is_enough("namespaces", "landlock"),
    ...     is_enough("limits", "landlock"),
    ...     is_enough("", "limits"),
    ... )
    (True, False, False)
    """
    return tier in TIERS and TIERS.index(tier) <= TIERS.index(least)


class Importer:
    """Imports files of staged trees. Nothing is started before it is needed.

    Any number of threads may share one. What they ask is imported in the order of asking, each
    having at most `limits.size` files there at a time. `folder` is where trees are staged, the
    system's folder for temporary files by default.
    """

    def __init__(
        self,
        python: Path,
        *,
        plugins: Path | None = None,
        limits: Limits | None = None,
        folder: Path | None = None,
    ) -> None:
        self.interpreter = Interpreter(python, plugins)
        self.limits = limits or Limits()
        self._folder = folder
        self._account = _account()
        self._lock = threading.Lock()
        self._stages: Stages | None = None
        self._zygote: Zygote | None = None
        self._built_on = ""

    def twin(self) -> "Importer":
        """Another one of the same interpreter, with a process and trees of its own."""
        there = self.interpreter
        return Importer(there.python, plugins=there.plugins, limits=self.limits)

    def check(self) -> None:
        """Raise EngineFailed IMP102 where the interpreter has no Airflow, IMP103 where it does not
        run."""
        try:
            is_good = self.is_good
        except Invalid as error:
            raise EngineFailed("IMP103", error.message, error.hint) from error
        if not is_good:
            raise EngineFailed(
                "IMP102",
                f"{str(self.interpreter.python)!r} has no Airflow to import DAG files with",
                "Name the python that Airflow runs with, or install Airflow there.",
            )

    @property
    def is_good(self) -> bool:
        """Whether the interpreter has an Airflow; raises Invalid PY001 where it does not run."""
        _ = self.interpreter.fingerprint  # which looks whether one was installed meanwhile
        return self.interpreter.facts.airflow is not None

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same file could give another result."""
        return self.interpreter.fingerprint

    @contextlib.contextmanager
    def stage(self, key: Hashable, inside: str = "") -> Iterator[Stage]:
        """The stage of a repository, to be made what is imported; for this thread alone. `inside`
        is where its tree lies in the folder that Python looks from, "" where that is the tree."""
        with self._lock:
            stages = self._open_stages()
        with stages.borrow(key, inside) as stage:
            yield stage

    def run(
        self,
        stage: Stage,
        paths: Sequence[str],
        values: Mapping[str, Mapping[str, str]] = _NOTHING,
    ) -> dict[str, Imported]:
        """Import files of a stage; `values` answers what they ask for, by kind and name.

        Raises EngineFailed IMP100 where the process cannot be started, IMP101 where the host does
        not confine as well as it must. Once three files took too long or lost the process, the
        rest is not looked at.
        """
        zygote = self._running()
        call = _Call(stage, [*paths], values)
        if len(paths) > 1:
            with ThreadPoolExecutor(self.limits.size, thread_name_prefix="import") as executor:
                list(executor.map(self._work, [call] * self.limits.size))
        else:
            self._work(call)
        view = Surroundings(stage.artifact)
        return {
            path: _told_of(one, path, stage.artifact, view, zygote.confinement.tier)
            for path, one in call.done.items()
        }

    def ask(self, request: Mapping[str, Any]) -> tuple[Ended, str]:
        """What came of a request about a stage, and the tier that it was confined by. Raises
        ZygoteDied where it takes the process with it, and EngineFailed as `run` does."""
        zygote = self._running()
        return zygote.ask(request), zygote.confinement.tier

    def probe(self) -> Confinement:
        """How imports would be confined here. Starts a process for a moment, without Airflow."""
        with self._lock:
            config = self._config(self._open_stages(), is_probe=True)
        try:
            zygote = Zygote(self.interpreter.python, config)
        except ZygoteRefused as error:
            return Confinement("", {"all": str(error)})
        zygote.close()
        return zygote.confinement

    def close(self) -> None:
        """End the process and remove the stages; the Importer starts anew if it is used again."""
        atexit.unregister(self.close)
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None
            if self._stages is not None:
                self._stages.close()
                self._stages = None

    def _work(self, call: "_Call") -> None:
        while (path := call.take()) is not None:
            call.note(path, self._import(call, path))

    def _import(self, call: "_Call", path: str) -> Imported:
        """Import one file; where it takes the process with it twice, that is what is told."""
        request = {
            "tree": call.stage.name,
            "inside": call.stage.inside,
            "path": path,
            "limit_s": self.limits.limit_s,
            "values": call.values,
        }
        for _ in range(2):
            with contextlib.suppress(ZygoteDied):
                return _told(path, self._running().ask(request), call.values, self.limits)
        call.lose()
        return _lost(path, Trouble.ENDED, "the process that imports was lost over it, twice")

    def _running(self) -> Zygote:
        with self._lock:
            fingerprint = self.fingerprint
            if self._zygote is not None and fingerprint != self._built_on:
                self._zygote.close()  # it holds the packages of before
            if self._zygote is None or self._zygote.is_over:
                self._zygote = self._start()
                self._built_on = fingerprint
            return self._zygote

    def _start(self) -> Zygote:
        try:
            zygote = Zygote(self.interpreter.python, self._config(self._open_stages()))
        except ZygoteRefused as error:
            raise _cannot_start(self.interpreter.python, str(error)) from error
        least = self.limits.least
        tier = zygote.confinement.tier
        if not is_enough(tier, least):
            zygote.close()
            raise EngineFailed(
                "IMP101",
                f"this host confines imports by {tier or 'nothing'!r}, and the release policy asks "
                f"for {least!r}: {_reasons(zygote.confinement)}",
                "See `windlass doctor`, or lower WINDLASS_SANDBOX_TIER and know what that means: "
                "docs/sandbox.md",
            )
        if "error" in zygote.hello:
            zygote.close()
            raise _cannot_start(self.interpreter.python, str(zygote.hello["error"])[:500])
        return zygote

    def _open_stages(self) -> Stages:
        if self._stages is None:
            self._stages = Stages(*self._account, self._folder)
            atexit.register(self.close)  # what is killed is cleared away by the next
        return self._stages

    def _config(self, stages: Stages, *, is_probe: bool = False) -> dict[str, Any]:
        facts = self.interpreter.facts
        uid, gid = self._account
        plugins = self.interpreter.plugins
        readable = [*facts.readable, *([str(plugins)] if plugins else [])]
        return {
            "work": str(stages.folder),
            "uid": uid,
            "gid": gid,
            "readable": readable,
            "plugins": str(plugins) if plugins else None,
            "tiers": list(self.limits.tiers),
            "is_probe": is_probe,
            "size": self.limits.size,
            "idle_s": self.limits.idle_s,
            "memory_bytes": self.limits.memory_mb * 1_000_000,
        }


class _Call:
    """The files of one call, shared by its threads."""

    def __init__(
        self, stage: Stage, paths: list[str], values: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.stage = stage
        self.values = values
        self.done: dict[str, Imported] = {}
        self._paths = iter(paths)
        self._lives = MAX_LOST
        self._lock = threading.Lock()

    def take(self) -> str | None:
        with self._lock:
            path = next(self._paths, None)
            while path is not None and self._lives <= 0:
                words = f"not looked at: {MAX_LOST} files before it took too long, or did harm"
                self.done[path] = _lost(path, Trouble.ENDED, words)
                path = next(self._paths, None)
            return path

    def lose(self) -> None:
        """The process was lost over a file: to start another one takes seconds."""
        with self._lock:
            self._lives -= 1

    def note(self, path: str, imported: Imported) -> None:
        with self._lock:
            self.done[path] = imported
            self._lives -= any(p.trouble is Trouble.LIMIT for p in imported.problems)


def _told(
    path: str, ended: Ended, values: Mapping[str, Mapping[str, str]], limits: Limits
) -> Imported:
    """What a fork says, or what its end says."""
    memory_mb = ended.memory_kb // 1000
    if ended.why == "time" or ended.code == -24:  # SIGXCPU
        return _lost(path, Trouble.LIMIT, f"its import takes longer than {limits.limit_s:g} s")
    if ended.why == "flood":
        return _lost(path, Trouble.LIMIT, "its DAGs are larger than 32 MB")
    told = read_answer(path, ended.content, memory_mb, values) if ended.content else None
    if told is not None:
        return told
    how = f"exit code {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
    return _lost(path, Trouble.ENDED, f"its import ends the process that imports it ({how})")


def _lost(path: str, trouble: Trouble, message: str) -> Imported:
    return Imported(ImportStatus.FAILED, problems=(Problem(trouble, message, path),))


def _told_of(
    imported: Imported, path: str, artifact: Artifact, view: Surroundings, tier: str
) -> Imported:
    """With the tier, with places in the tree only, and with what is there of all it looked at."""
    needs = None if imported.needs is None else view.answers(imported.needs)
    return replace(_within(imported, path, artifact.files), needs=needs, tier=tier)


def _within(imported: Imported, path: str, files: Container[str]) -> Imported:
    """With places in the tree only: a fork may have named any."""

    def put(place: Problem | Deed | Asked | Use) -> Any:
        if place.path in files:
            return place
        if isinstance(place, Use):
            return replace(place, path=path, line=1, last=1)
        return replace(place, path=path, line=1)

    return replace(
        imported,
        problems=tuple(put(one) for one in imported.problems),
        deeds=tuple(put(one) for one in imported.deeds),
        asked=tuple(put(one) for one in imported.asked),
        seen=replace(imported.seen, uses=tuple(put(one) for one in imported.seen.uses)),
    )


def _cannot_start(python: Path, why: str) -> EngineFailed:
    return EngineFailed(
        "IMP100",
        f"Airflow cannot be started under {str(python)!r} to import DAG files: {why}",
        "Try `windlass doctor`; the interpreter must import airflow when started with -I, and by "
        "accounts other than root: a umask of 077 hides its packages.",
    )


def _reasons(confinement: Confinement) -> str:
    return "; ".join(f"{tier}: {why}" for tier, why in confinement.missing.items())


def _account() -> tuple[int, int]:
    """The account of imports: a number that no account has where we are root, else ours (-1)."""
    if os.geteuid() != 0:
        return -1, -1
    uid = _FIRST_UID
    while True:
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return uid, uid
        uid += 1
