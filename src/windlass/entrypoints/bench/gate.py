"""The gate beside others that look at DAG files: its static checks, its imports, and the whole."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from windlass.app import importer_of
from windlass.domain.families import families_for
from windlass.domain.options import Options
from windlass.entrypoints.bench.corpus import Corpus, staged, write_files
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.rounds import Rounds
from windlass.entrypoints.bench.scanners import SCANNERS, AirflowPeer, Scanner, find_scanners
from windlass.entrypoints.bench.usage import cpu_s
from windlass.entrypoints.demo.stage import Clone, Ground
from windlass.entrypoints.processes import run_to_end
from windlass.sandbox.checker import Checker
from windlass.sandbox.importer import Importer
from windlass.settings import load_settings, process_environment

_ROUNDS = range(3)
LIMIT_S = 1800
_NAME = "bench"
_GATE = ("build", "import", "judge")
_STATIC, _IMPORT = "static checks", "import"
_FRESH, _RESERIALIZE = "peer: python FILE", "peer: airflow dags reserialize"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many files each part looks at, 0 to leave it out: static checks; imports, some of which
    fresh processes make too; a cold check; a repository and a large one, which get `pushes`
    one-file commits each."""

    static: int
    imports: int
    fresh: int
    cold: int
    files: int
    large: int
    pushes: int


def measure(
    sizes: Sizes, *, python: Path, peers: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions, figures and ratios to the peers, as plain data.

    `python` is that of an Airflow environment, `peers` an environment with scanners. Raises Invalid
    BENCH003 where that Airflow has no example DAGs.
    """
    scanners = find_scanners(peers)
    with (
        tempfile.TemporaryDirectory(prefix="windlass-bench-") as name,
        closing(importer_of(load_settings(), python)) as importer,
    ):
        progress("Looking for DAG files that come with Airflow …")
        corpus = Corpus(importer, most=max(astuple(sizes)))
        found = {**conditions(Path(name)), **_conditions(importer, corpus)}
        cases = [*_Bench(Path(name), importer, corpus, progress).run(sizes, scanners)]
    return {
        "conditions": {**found, **{one.name: one.version for one in scanners}},
        "cases": [case.to_json() for case in cases],
        "ratios": _ratios({case.case: case.p50 for case in cases}),
        "absent": sorted({*SCANNERS} - {one.name for one in scanners}),
    }


class _Bench:
    def __init__(
        self, folder: Path, importer: Importer, corpus: Corpus, progress: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._importer = importer
        self._python = importer.interpreter.python
        self._corpus = corpus
        self._progress = progress

    def run(self, sizes: Sizes, scanners: list[Scanner]) -> Iterator[Figures]:
        if sizes.static:
            yield from self._static(self._corpus.files(sizes.static), scanners)
        if sizes.imports:
            yield from self._imports(sizes.imports, sizes.fresh)
        if sizes.cold:
            yield self._cold(self._corpus.files(sizes.cold))
        for files in filter(None, (sizes.files, sizes.large)):
            yield from self._syncs(files, sizes.pushes)

    def _static(self, files: dict[str, str], scanners: list[Scanner]) -> Iterator[Figures]:
        """Files in a second: all families that look at single files, two processes."""
        self._progress(f"Static checks of {len(files):,} files …")
        contents = {path: text.encode() for path, text in files.items()}
        with closing(Checker(self._python)) as checker:
            families = families_for(Options())
            checker.judge_files(contents, families)
            used = cpu_s(os.getpid())
            took = [_seconds(lambda: checker.judge_files(contents, families)) for _ in _ROUNDS]
            used = cpu_s(os.getpid()) - used
        yield figures(_STATIC, "files/s", [len(files) / seconds for seconds in took])
        yield figures(f"{_STATIC}: CPU", "ms/file", [used / len(_ROUNDS) / len(files) * 1000])
        folder = write_files(self._folder / "static", files)
        for one in scanners:
            self._progress(f"The same by {one.name} …")
            yield figures(f"peer: {one.name}", "files/s", [len(files) / one.seconds(folder)])

    def _imports(self, number: int, fresh: int) -> Iterator[Figures]:
        """Milliseconds for each file, two at a time, other files in each round."""
        self._progress(f"Sandboxed imports of {number * len(_ROUNDS):,} files …")
        files = self._corpus.files((number + 1) * len(_ROUNDS))
        paths = list(files)
        artifact, contents = staged(files)
        with self._importer.stage(_NAME) as stage:
            stage.become(artifact, contents)
            self._importer.run(stage, paths[-len(_ROUNDS) :])
            used = cpu_s(os.getpid())
            took = [
                _seconds(lambda part=part: self._importer.run(stage, part))  # type: ignore[misc]
                for part in (paths[i * number : (i + 1) * number] for i in _ROUNDS)
            ]
            used = cpu_s(os.getpid()) - used
        self._importer.close()  # the process that it starts is not to be in the others' way
        yield figures(_IMPORT, "ms/file", [seconds / number * 1000 for seconds in took])
        yield figures(f"{_IMPORT}: CPU", "ms/file", [used / len(_ROUNDS) / number * 1000])
        yield from self._airflow({path: files[path] for path in paths[:number]}, fresh)

    def _airflow(self, files: dict[str, str], fresh: int) -> Iterator[Figures]:
        """What Airflow itself takes for the same files, milliseconds for each."""
        folder = write_files(self._folder / "imports", files)
        peer = AirflowPeer(self._python, self._folder / "airflow", folder)
        if fresh:
            self._progress(f"The same by {fresh} fresh processes, two at a time …")
            seconds = peer.fresh_processes_s([*files][:fresh], at_a_time=2)
            yield figures(_FRESH, "ms/file", [seconds / min(fresh, len(files)) * 1000])
        self._progress("The same by airflow dags reserialize …")
        yield figures(_RESERIALIZE, "ms/file", [peer.reserialize_s() / len(files) * 1000])

    def _cold(self, files: dict[str, str]) -> Figures:
        """`windlass check` of a folder, from nothing: its start and Airflow's included."""
        self._progress(f"A cold check of {len(files):,} files …")
        folder = write_files(self._folder / "cold", files)
        command = [sys.executable, "-m", "windlass", "check", str(folder)]
        command += ["--airflow-python", str(self._python)]
        env = process_environment()
        seconds = _seconds(lambda: run_to_end(command, env=env, timeout_s=LIMIT_S))
        return figures(f"cold check of {len(files)} files", "s", [seconds])

    def _syncs(self, files: int, pushes: int) -> Iterator[Figures]:
        """A repository of so many DAG files with everything on, and one-file commits to it."""
        with _Ground(self._python) as ground:
            clone = ground.clone(_NAME)
            clone.commit_and_push("first", self._corpus.files(files))
            rounds = Rounds(ground, clone, _NAME)
            self._progress(f"A first sync of {files:,} files …")
            yield figures(f"{files} files: first sync", "s", [rounds.first(LIMIT_S) / 1000])
            used, asked, gate = cpu_s(ground.pid_of("worker")), [], []
            for number in range(pushes):
                self._progress(f"Push {number + 1} of {pushes} …")
                self._push(clone, number, files)
                asked.append(rounds.sync())
                phases = rounds.phases(number + 2)
                gate.append(sum(phases[phase] for phase in _GATE))
            used = (cpu_s(ground.pid_of("worker")) - used) / pushes * 1000
        yield figures(f"{files} files: one-file sync", "ms", asked)
        yield figures(f"{files} files: its gate", "ms", gate)
        yield figures(f"{files} files: CPU of the worker", "ms/sync", [used])

    def _push(self, clone: Clone, number: int, files: int) -> None:
        """Change one of so many files, another one each time."""
        path, text = self._corpus.file(number % files)
        clone.commit_and_push(f"push {number}", {path: f"{text}# push {number}\n"})


class _Ground(Ground):
    """A ground whose Windlass imports by that interpreter."""

    def __init__(self, python: Path) -> None:
        super().__init__()
        self._python = python

    def _variables(self) -> dict[str, str]:
        return {**super()._variables(), "WINDLASS_AIRFLOW_PYTHON": str(self._python)}


def _conditions(importer: Importer, corpus: Corpus) -> dict[str, Any]:
    facts = importer.interpreter.facts
    return {
        "airflow": facts.airflow,
        "airflow_python": facts.python,
        "sandbox": importer.probe().tier,
        "different_files": len(corpus.examples),
    }


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _ratios(p50: Mapping[str, float]) -> dict[str, float]:
    """How many times as quick as each peer we are, of those that were measured."""
    found = {}
    for peer, value in p50.items():
        name = peer.removeprefix("peer: ")
        if name in SCANNERS:
            found[name] = p50[_STATIC] / value
        elif name != peer:
            found[name] = value / p50[_IMPORT]
    return {name: round(ratio, 1) for name, ratio in found.items()}
