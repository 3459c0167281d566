"""The import of one DAG file, as Airflow's DAG processor does it, and what came of it.

Works with Airflow 2.11 and 3.1 to 3.3: what has moved between them is looked for by name and called
by signature. Airflow's modules are imported by name, since Windlass itself never imports them.
"""

import functools
import importlib
import inspect
import json
import logging
import re
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from windlass.domain.serialized import EXTRA
from windlass.sandbox.inside import uses
from windlass.sandbox.inside.watching import Watch

_FRAME = re.compile(r'^  File "([^"\n]+)", line (\d+)(?:, in (.+))?$')
_BAGS = ("airflow.dag_processing.dagbag", "airflow.models.dagbag")
_PREPARING = (
    "configure_vars",
    "prepare_syspath_for_config_and_plugins",
    "configure_policy_plugin_manager",  # before Airflow 3.2
)
_SERIALIZED = "airflow.serialization.serialized_objects"
_STABILITY = "airflow.utils.dag_version_inflation_checker"
_MAX_MESSAGE = 2000
_MAX_FRAMES = 50
_MADE: list[tuple[Any, list[tuple[str, int]]]] = []
"""Every DAG object of this process, and the frames that made it: Airflow's own complaints name
neither a line nor always the DAG."""
_TASKS = uses.Tasks()
_SOUND = """
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
dag = DAG("windlass_sound")
"""
_WARM_UP = """
from datetime import datetime, timedelta
try:
    from airflow.sdk import DAG, Asset, TaskGroup, dag, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import dag, task
    from airflow.utils.task_group import TaskGroup
for name in ("bash.BashOperator", "python.PythonOperator", "empty.EmptyOperator",
             "trigger_dagrun.TriggerDagRunOperator"):
    try:
        __import__("airflow.providers.standard.operators." + name.partition(".")[0])
    except ImportError:
        pass
with DAG("windlass_warm_up", schedule="0 3 * * *", start_date=datetime(2024, 1, 1),
         default_args={"retries": 1, "retry_delay": timedelta(minutes=5)}) as one:
    with TaskGroup("group"):
        @task
        def first(): return 1
        @task
        def second(x): return x
        second(first())
    try:
        from airflow.providers.standard.operators.bash import BashOperator
        from airflow.providers.standard.operators.python import PythonOperator
        BashOperator(task_id="bash", bash_command="true") >> PythonOperator(
            task_id="python", python_callable=print)
    except ImportError:
        pass
@dag(schedule=timedelta(days=1), start_date=datetime(2024, 1, 1))
def windlass_warm_up_too():
    @task
    def only(): ...
    only()
windlass_warm_up_too()
try:
    from airflow.sdk import Variable
    from airflow.sdk.bases.hook import BaseHook
    Variable.get("windlass_warm_up", default=None)
except ImportError:
    from airflow.hooks.base import BaseHook
    from airflow.models import Variable
    Variable.get("windlass_warm_up", default_var=None)
try:
    BaseHook.get_connection("windlass_warm_up")
except Exception:
    pass
"""


class Airflow:
    """The parts of this interpreter's Airflow that an import needs. Made once, before forking."""

    def __init__(self) -> None:
        self.version: str = importlib.import_module("airflow").__version__
        modules = [found for name in _BAGS if (found := _find_module(name))]
        self.bag: Any = next(
            found
            for name in ("BundleDagBag", "DagBag")
            for module in modules
            if (found := getattr(module, name, None))
        )
        settings = importlib.import_module("airflow.settings")
        orm = ["configure_orm"] if self.version.startswith("2.") else []  # its DAGs ask for it
        for prepare in (*_PREPARING, *orm):
            getattr(settings, prepare, _nothing)()
        serialized = importlib.import_module(_SERIALIZED)
        kind = getattr(serialized, "DagSerialization", None) or serialized.SerializedDAG
        self.serialize: Callable[[Any], dict[str, Any]] = kind.to_dict
        stability = _find_module(_STABILITY)
        self.check_stability: Any = getattr(stability, "check_dag_file_stability", None)
        _note_lines()

    def be_quiet(self) -> None:
        """Log nothing from here on: nobody reads it, and tracebacks take long to be drawn."""
        logging.disable()
        structlog = _find_module("structlog")
        if structlog is not None:
            structlog.configure(
                wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
            )

    def warm_up(self, folder: str) -> None:
        """Import DAGs of ours here, so that no fork is the first to need what they need. Raises
        RuntimeError where one that is sound is not imported: so would be none of anybody's."""
        before = [*sys.path]
        sound, _ = (self._import_text(text, folder) for text in (_SOUND, _WARM_UP))
        sys.path[:] = before
        sys.path_importer_cache.pop(folder, None)
        if [dag[0] for dag in sound["dags"]] != ["windlass_sound"]:
            raise RuntimeError(f"a DAG that is sound is not imported: {sound['errors']}")

    def _import_text(self, text: str, folder: str) -> dict[str, Any]:
        path = Path(folder) / "windlass_warm_up.py"
        path.write_text(text)
        told = self.load(str(path), folder, Watch(folder, folder), folder)
        path.unlink()
        _MADE.clear()
        _TASKS.forget()
        return told

    def load(self, path: str, tree: str, watch: Watch, root: str) -> dict[str, Any]:
        """What importing the file at `path` gives, as plain data (`sandbox.answer` reads it);
        `root` is the folder that Python looks from, the tree or one around it."""
        began, cpu_began = time.perf_counter(), time.process_time()
        _TASKS.below = f"{tree}/"
        if root not in sys.path:
            sys.path.append(root)
        wanted = {
            "dag_folder": path,
            "include_examples": False,
            "safe_mode": True,
            "load_op_links": False,
            "bundle_path": Path(root),
            "bundle_name": "windlass",
            "collect_dags": False,  # which would swallow what Airflow itself raises
        }
        known = _parameters(self.bag)
        bag = self.bag(**{name: value for name, value in wanted.items() if name in known})
        if "collect_dags" in known:
            bag.process_file(path, only_if_updated=False, safe_mode=True)
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        watch.is_on = False
        lost = [one for one in _MADE if getattr(one[0], "dag_id", None) not in bag.dags]
        errors = [_error(text, tree, lost) for text in bag.import_errors.values()]
        dags, failed = self._serialized(bag, tree, path)
        return {
            "dags": dags,
            "uses": uses.uses_of(bag.dags.values(), _TASKS),
            "operators": uses.operators_of(bag.dags.values()),
            "errors": [*errors, *failed],
            "unstable": self._unstable(path),
            "seconds": seconds,
            "cpu_s": cpu_s,
        }

    def _serialized(self, bag: Any, tree: str, path: str) -> tuple[list[Any], list[dict[str, Any]]]:
        dags: list[Any] = []
        failed = []
        for dag_id, dag in bag.dags.items():
            frames = next((frames for made, frames in _MADE if made is dag), [])
            line = _line_in(frames, tree)
            try:
                own = next((number for name, number in frames if name == path), 1)
                stored = {**self.serialize(dag), EXTRA: {"tasks": uses.extras_of(dag)}}
                dags.append([dag_id, stored, uses.facts_of(dag, own)])
            except Exception as error:  # noqa: BLE001  # Airflow's own, of many kinds
                failed.append(
                    {
                        "type": type(error).__name__,
                        "message": str(error)[:_MAX_MESSAGE],
                        "frames": [[*line, "<module>"]] if line else [],
                        "stage": "airflow",
                    }
                )
        return dags, failed

    def _unstable(self, path: str) -> list[list[Any]]:
        """[line, message] of what makes the DAG differ at each parse, as Airflow tells it."""
        if self.check_stability is None:
            return []
        try:
            found = self.check_stability(path)
            return [[w.line, str(w.message)] for w in found.warnings.values()]
        except Exception:  # noqa: BLE001  # an advice of Airflow's, not worth a failed import
            return []


def _nothing() -> None:
    """What is done where this Airflow has nothing to prepare."""


def _find_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _parameters(kind: Any) -> set[str]:
    """The keyword arguments that a class and those it is made from take."""
    names: set[str] = set()
    for one in kind.__mro__[:-1]:
        names |= set(inspect.signature(one.__init__).parameters)
    return names


def _note_lines() -> None:
    """Have every DAG that is made noted in _MADE, and its tasks in _TASKS."""
    for name in ("airflow.sdk.definitions.dag", "airflow.models.dag"):
        kind = getattr(_find_module(name), "DAG", None)
        if kind is None or hasattr(kind.__init__, "__wrapped__"):
            continue
        make = kind.__init__

        @functools.wraps(make)
        def noting(self: Any, *arguments: Any, _make: Any = make, **further: Any) -> None:
            _make(self, *arguments, **further)
            _MADE.append((self, _frames()))

        kind.__init__ = noting
        _TASKS.note_those_of(kind)


def _frames() -> list[tuple[str, int]]:
    frame: types.FrameType | None = sys._getframe(2)
    found: list[tuple[str, int]] = []
    while frame is not None and len(found) < _MAX_FRAMES:
        found.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return found


def _line_in(frames: list[tuple[str, int]], tree: str) -> list[Any] | None:
    """Path and line of the innermost frame in the tree."""
    for name, line in frames:
        if name.startswith(f"{tree}/"):
            return [name[len(tree) + 1 :], line]
    return None


def _error(text: str, tree: str, lost: list[tuple[Any, Any]]) -> dict[str, Any]:
    """An import error as Airflow keeps it, a traceback or a line, taken apart; `lost` are the DAGs
    that it may be about."""
    block = text.rpartition("Traceback (most recent call last):\n")[2]
    frames: list[list[Any]] = []
    message: list[str] = []
    for line in block.splitlines():
        found = _FRAME.match(line)
        if found:
            frames.append([found[1], int(found[2]), found[3] or "<module>"])
            message = []
        elif line and not line.startswith("  "):
            message.append(line)
    kind, _, words = " ".join(message).partition(": ")
    own = [
        [path[len(tree) + 1 :], line, name]
        for path, line, name in frames
        if path.startswith(f"{tree}/")
    ]
    stage = "import" if own else "airflow"
    if not own:
        named = [frames for dag, frames in lost if str(getattr(dag, "dag_id", "")) in words]
        suspects = named or [frames for _, frames in lost]
        place = _line_in(suspects[0], tree) if len(suspects) == 1 else None
        own = [[*place, "<module>"]] if place else []
    return {
        "type": kind.rpartition(".")[2][:200],
        "message": words[:_MAX_MESSAGE],
        "frames": own[-_MAX_FRAMES:],
        "stage": stage,
    }


def encode(answer: dict[str, Any], tree: str) -> bytes:
    """The answer as JSON, in which the tree has the same path on every host."""
    text = json.dumps(answer, separators=(",", ":"), default=str)
    return text.replace(tree, "/dag").encode("utf-8", "replace")
