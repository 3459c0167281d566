"""Pipelines beside tools that read YAML when Airflow parses: how long compiling takes, how long
Airflow's parse of what comes out, and what is parsed again after a change. All of it is work of one
process, so CPU is measured, which other work on the machine changes less than the time it takes."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from windlass.compiler.pipelines.tree import compile_tree
from windlass.domain.errors import Unavailable
from windlass.domain.pipeline import Bindings
from windlass.engine.compile_folder import compare, compile_folder, write
from windlass.entrypoints.bench.figures import Figures, conditions, figures
from windlass.entrypoints.bench.layouts import PEERS, document, documents
from windlass.entrypoints.processes import run_to_end
from windlass.settings import process_environment

LIMIT_S = 600
_OURS = "compiled by Windlass"
# Run by the peers' Python: what all of them import is there before the clock runs. argv: the folder
# to parse, the file that changes, and the package of the peer.
_PARSE = """
import importlib, json, sys, time, warnings
warnings.simplefilter("ignore")
from airflow.dag_processing.dagbag import DagBag
import airflow.providers.standard.operators.bash, airflow.timetables.trigger
if sys.argv[3]:
    importlib.import_module(sys.argv[3])
def parse(path):
    began = time.process_time()
    bag = DagBag(dag_folder=path, bundle_name="bench")
    took = time.process_time() - began
    errors = {path: str(error)[-300:] for path, error in bag.import_errors.items()}
    return {"s": took, "dags": len(bag.dags), "errors": errors}
print("RESULT " + json.dumps([parse(sys.argv[1]), parse(sys.argv[2])]))
"""


def measure(
    *, compiled: int, parsed: int, rounds: int, peers: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the benchmark; conditions, figures, and how many times as long each peer takes.

    `peers` is an environment with an Airflow; a peer that it lacks is among `absent`. Raises
    Unavailable BENCH006 where a layout does not give its DAGs.
    """
    with tempfile.TemporaryDirectory(prefix="windlass-bench-") as name:
        bench = _Bench(Path(name), peers, range(rounds), progress)
        found = conditions(Path(name))
        cases = [bench.compiling(compiled)]
        cases += [*bench.parsing(parsed)]
    p50 = {case.case: case.p50 for case in cases}
    return {
        "conditions": {**found, **bench.versions},
        "cases": [case.to_json() for case in cases],
        "ratios": {
            case.removeprefix("parse: "): round(value / p50[f"parse: {_OURS}"], 1)
            for case, value in p50.items()
            if case.startswith("parse: ") and not case.endswith(_OURS)
        },
        "parsed_again": bench.parsed_again,
        "absent": sorted({one.package for one in PEERS} - bench.versions.keys()),
    }


class _Bench:
    def __init__(
        self, folder: Path, peers: Path, rounds: range, progress: Callable[[str], None]
    ) -> None:
        self._rounds = rounds
        self._folder = folder
        self._python = peers.absolute() / "bin" / "python"
        self._progress = progress
        self.parsed_again: dict[str, int] = {}
        self.versions = self._found() if self._python.exists() else {}

    def compiling(self, count: int) -> Figures:
        """Seconds of CPU to compile so many documents, none of which is remembered."""
        self._progress(f"Compiling {count:,} pipelines …")
        files = documents(count)
        took = []
        for _ in self._rounds:
            began = time.process_time()
            tree = compile_tree(files.items(), Bindings())
            took.append(time.process_time() - began)
            if len(tree.made) != count:
                raise Unavailable("BENCH006", f"{count - len(tree.made)} pipelines did not compile")
        return figures(f"compile {count} pipelines", "s CPU", took)

    def parsing(self, count: int) -> Iterator[Figures]:
        """CPU that Airflow takes to parse all, and after a change of one."""
        if not self.versions:
            return
        ours = self._folder / "ours"
        self._compiled(ours, count)
        folders = {_OURS: (ours / "pipelines", "", "n0.py")}
        for one in PEERS:
            if one.package in self.versions:
                place = self._folder / one.name.replace(" ", "-").replace(",", "")
                place.mkdir()
                one.write(place, count)
                folders[one.name] = place, one.package, one.changed
        whole: dict[str, list[float]] = {name: [] for name in folders}
        again: dict[str, list[float]] = {name: [] for name in folders}
        for number in self._rounds:
            for name, (place, package, changed) in folders.items():
                self._progress(f"Round {number + 1} of {len(self._rounds)}: {name} …")
                told = self._parse(place, changed, package, count)
                whole[name].append(told[0]["s"])
                again[name].append(told[1]["s"] * 1000)
                self.parsed_again[name] = told[1]["dags"]
        self.parsed_again[_OURS] = self._changed(ours)
        for name in folders:
            yield figures(f"parse: {name}", "s CPU", whole[name])
        for name in folders:
            yield figures(f"after a change of one: {name}", "ms CPU", again[name])

    def _compiled(self, folder: Path, count: int) -> None:
        for path, content in documents(count).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        self._compile(folder)

    def _changed(self, folder: Path) -> int:
        """Change the first document and compile again; how many DAG files are other ones."""
        (folder / "pipelines" / "n0.yaml").write_text(document(0, "printf"))
        return self._compile(folder)

    def _compile(self, folder: Path) -> int:
        tree = compile_folder(folder, ("pipelines",), Bindings())
        found = compare(tree, folder, folder, ("pipelines",))
        write(tree, found, folder)
        return len((*found.added, *found.changed))

    def _parse(self, folder: Path, changed: str, package: str, count: int) -> list[dict[str, Any]]:
        """What a fresh Airflow took to parse the folder, and then the file that changes."""
        home = self._folder / "airflow"
        shutil.rmtree(home, ignore_errors=True)
        env = {**process_environment(), "AIRFLOW_HOME": str(home), "DO_NOT_TRACK": "1"}
        env |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
        env |= {"AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", "SCARF_NO_ANALYTICS": "true"}
        command = [str(self._python), "-c", _PARSE, str(folder), str(folder / changed), package]
        said = run_to_end(command, env=env, timeout_s=LIMIT_S, cwd=self._folder)
        (line,) = (one for one in said.splitlines() if one.startswith("RESULT "))
        told: list[dict[str, Any]] = json.loads(line.removeprefix("RESULT "))
        for one in told:
            if one["errors"] or not one["dags"] or told[0]["dags"] != count:
                message = f"{folder.name}: {one['dags']} DAGs, {list(one['errors'].values())[:1]}"
                raise Unavailable("BENCH006", message)
        return told

    def _found(self) -> dict[str, str]:
        """Package → its version, of Airflow and the peers that are there."""
        names = {"airflow": "apache-airflow", "dagfactory": "dag-factory"}
        names["blueprint"] = "airflow-blueprint"
        code = (
            "import importlib.metadata as m, json, sys; found = {}\n"
            "for name in sys.argv[1:]:\n"
            "    try: found[name] = m.version(name)\n"
            "    except m.PackageNotFoundError: pass\n"
            "print(json.dumps(found))"
        )
        command = [str(self._python), "-c", code, *names.values()]
        said = json.loads(run_to_end(command, env=process_environment(), timeout_s=60))
        found = {name: said[one] for name, one in names.items() if one in said}
        return found if "airflow" in found else {}
