"""How long a plan takes: of a commit of one file, in a repository of many DAGs."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from windlass.app import importer_of
from windlass.checks.known import Known
from windlass.domain.options import Options
from windlass.domain.plan import Plan
from windlass.domain.policy import Policy
from windlass.domain.served import Memory
from windlass.engine.build import Build
from windlass.engine.imports import Imports
from windlass.engine.pipelines import Pipelines, bindings_of
from windlass.engine.plan import Planner, Side, plan_sides
from windlass.engine.ruling import Rules
from windlass.engine.source import RevisionSource
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.trees import HELPER, USERS, dag_file, dag_path, helper_file
from windlass.entrypoints.processes import run_to_end
from windlass.git.clone import Clone
from windlass.git.listing import ListingMemory
from windlass.sandbox.checker import Checker
from windlass.sandbox.compiler import PipelineCompiler
from windlass.sandbox.importer import Importer
from windlass.sandbox.remembered import FolderKeep
from windlass.settings import load_settings, process_environment

LIMIT_S = 3600
_PLAN = "plan of a one-file commit"
_HELPER = f"plan of a commit of a helper of {USERS} files"
_COMMAND = "windlass plan, its own process"


def measure(
    *, dags: int, commits: int, python: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions and figures as plain data."""
    with (
        tempfile.TemporaryDirectory(prefix="windlass-bench-") as name,
        closing(importer_of(load_settings(), python)) as importer,
        closing(Checker(python)) as checker,
        closing(PipelineCompiler()) as compiler,
    ):
        folder = Path(name)
        bench = _Bench(folder, dags, (checker, importer, compiler), progress)
        cases = [*bench.run(commits)]
        found = conditions(folder)
    return {"conditions": {**found, "dags": dags}, "cases": [one.to_json() for one in cases]}


class _Bench:
    def __init__(
        self,
        folder: Path,
        dags: int,
        parts: tuple[Checker, Importer, PipelineCompiler],
        progress: Callable[[str], None],
    ) -> None:
        checker, importer, compiler = parts
        self._clone = folder / "clone"
        self._cache = folder / "cache"
        self._dags = dags
        self._python = importer.interpreter.python
        self._progress = progress
        known = Known(checker.installed)
        options = Options()
        self._planner = Planner(
            checker,
            Rules(Policy(), options, known=known),
            Imports(importer, "bench", keep=FolderKeep(self._cache)),
            Pipelines(
                compiler,
                bindings_of(checker.installed, known.inventory.declared, "default"),
                options.pipelines,
            ),
            whole=True,
        )

    def run(self, commits: int) -> Iterator[Figures]:
        """The base is what a server has of its live release: read, judged and imported."""
        self._progress(f"Importing {self._dags:,} DAG files for the first time …")
        files = {dag_path(number): dag_file(number, "first") for number in range(self._dags)}
        base = self._commit({**files, HELPER: helper_file("first")})
        built = self._planner.read(self._source(base))
        began = time.perf_counter()
        side = self._planner.side(self._source(base), built)
        yield figures("first import of all", "s", [time.perf_counter() - began])
        self._progress(f"{commits} commits of one file …")
        took = []
        for number in range(commits):
            path = dag_path(USERS + number)
            head = self._commit({path: dag_file(USERS + number, f"change_{number}")})
            took.append(self._milliseconds(side, built, head, USERS + number))
            self._git("reset", "--quiet", "--hard", base)
        yield figures(_PLAN, "ms", took)
        took = []
        for number in range(commits):
            head = self._commit({HELPER: helper_file(f"change_{number}")})
            began = time.perf_counter()
            plan = self._plan(side, built, head)
            took.append((time.perf_counter() - began) * 1000)
            assert len(plan.dags) == USERS, plan.dags
            self._git("reset", "--quiet", "--hard", base)
        yield figures(_HELPER, "ms", took)
        yield from self._commands(base, max(1, commits // 3))

    def _milliseconds(self, side: Side, built: Build, head: str, number: int) -> float:
        began = time.perf_counter()
        plan = self._plan(side, built, head)
        took = (time.perf_counter() - began) * 1000
        assert [one.dag_id for one in plan.dags] == [f"bench_{number}"], plan.dags
        return took

    def _plan(self, side: Side, built: Build, head: str) -> Plan:
        source = self._source(head)
        after = self._planner.read(source, built.artifact, Memory.of(built.findings))
        return plan_sides(self._planner.imports, side, self._planner.side(source, after))

    def _commands(self, base: str, times: int) -> Iterator[Figures]:
        """The command: starts Windlass, checkers and Airflow, and reads both trees."""
        self._progress("The command, as CI runs it …")
        cases: dict[str, list[str]] = {"": [], " (cache)": ["--cache", str(self._cache)]}
        for words, options in cases.items():
            took = []
            for number in range(times):
                path = dag_path(USERS + number)
                self._commit({path: dag_file(USERS + number, f"again_{number}")})
                command = [str(Path(sys.executable).parent / "windlass"), "plan", base, "HEAD"]
                command += [str(self._clone), "--airflow-python", str(self._python), *options]
                began = time.perf_counter()
                run_to_end(command, env=process_environment(), timeout_s=LIMIT_S)
                took.append(time.perf_counter() - began)
                self._git("reset", "--quiet", "--hard", base)
            yield figures(f"{_COMMAND}{words}", "s", took)

    def _source(self, commit: str) -> RevisionSource:
        clone = Clone.at(self._clone)
        return RevisionSource(clone.mirror, clone.commit(commit), ".", ListingMemory())

    def _commit(self, files: Mapping[str, str]) -> str:
        if not self._clone.exists():
            self._clone.mkdir()
            self._git("init", "--quiet")
        for path, text in files.items():
            place = self._clone / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self._git("add", "--all")
        who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
        self._git(*who, "commit", "--quiet", "-m", "bench")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self._clone), *arguments]
        return run_to_end(command, env=process_environment(), timeout_s=LIMIT_S)
