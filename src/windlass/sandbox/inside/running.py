"""Runs one DAG of a folder to its end, as `airflow dags test` does, with an Airflow of its own.

Started as a script by `sandbox.dag_run` under an Airflow interpreter (`-I`). Not confined: it is a
developer's own code on their own machine. It reads one request from its standard input, and writes
what happens to the descriptor that it names, a JSON text on each line.
"""

import ctypes
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_OWN_AIRFLOW = ("AIRFLOW_HOME", "AIRFLOW_CONFIG")
_KINDS = {"connection": "AIRFLOW_CONN_", "variable": "AIRFLOW_VAR_"}
_MAX_TEXT = 1000
_Hook = TypeVar("_Hook", bound=Callable[..., None])
_EVENTS: list[int] = []
"""The descriptor that events are written to."""


def main() -> None:
    """Read the request, run the DAG, tell what came of it."""
    _die_with_parent()
    request = json.load(sys.stdin)
    _EVENTS.append(request["events"])
    _be_alone(request)
    tell(event="airflow", version=importlib.import_module("airflow").__version__)
    importlib.import_module("airflow.utils.db").initdb()
    dag = _find_dag(request["folder"], request["dag_id"])
    if dag is not None:
        _run(dag, request)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL


def tell(**event: Any) -> None:
    """Say one thing to who started this."""
    os.write(_EVENTS[0], f"{json.dumps(event, default=str)}\n".encode())


def _be_alone(request: dict[str, Any]) -> None:
    """Forget every setting of another Airflow: its database is not to be written in."""
    for name in [n for n in os.environ if n.startswith("AIRFLOW__") or n in _OWN_AIRFLOW]:
        del os.environ[name]
    home = request["home"]
    os.environ.update(
        {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": request["folder"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": request["plugins"] or f"{home}/plugins",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    sys.dont_write_bytecode = True
    for kind, values in request["values"].items():
        for name, value in values.items():
            key = f"{_KINDS[kind]}{name.upper()}" if kind in _KINDS else name
            os.environ[key] = value
    sys.path.append(request["folder"])
    os.chdir(request["folder"])


def _find_dag(folder: str, dag_id: str) -> Any:
    """The DAG; None, which is told, where no file makes it. Files that name it come first."""
    bags = ("airflow.dag_processing.dagbag", "airflow.models.dagbag")
    bag: Any = next(
        found for name in bags if (found := getattr(_find_module(name), "DagBag", None))
    )
    errors: dict[str, str] = {}
    known: set[str] = set()
    named = [path for path in sorted(Path(folder).rglob("*.py")) if dag_id in _text(path)]
    for place in (*map(str, named), folder):
        found = bag(place, include_examples=False) if _takes_examples(bag) else bag(place)
        if dag_id in found.dags:
            return found.dags[dag_id]
        errors |= found.import_errors
        known |= set(found.dags)
    told = {
        os.path.relpath(path, folder): str(text).strip().splitlines()[-1][:_MAX_TEXT]
        for path, text in errors.items()
    }
    tell(event="missing", known=sorted(known), errors=told)
    return None


def _run(dag: Any, request: dict[str, Any]) -> None:
    began = time.monotonic()
    given: dict[str, Any] = {"run_conf": request["conf"]}
    if request["logical_date"]:
        timezone: Any = importlib.import_module("airflow.utils.timezone")
        moment = timezone.parse(request["logical_date"])
        is_old = importlib.import_module("airflow").__version__.startswith("2.")
        given["execution_date" if is_old else "logical_date"] = moment
    _listen()
    run = dag.test(**given)
    tasks = [_task(one) for one in run.get_task_instances()]
    tell(event="end", state=run.state, seconds=time.monotonic() - began, tasks=tasks)


def _listen() -> None:
    """Tell the state of tasks as it changes, and what made one fail."""
    managers = [
        found
        for name in ("airflow.listeners.listener", "airflow.sdk.listener")
        if (found := getattr(_find_module(name), "get_listener_manager", None))
    ]
    for manager in managers:
        manager().add_listener(_listener())


def _listener() -> Any:
    hookimpl: Callable[[_Hook], _Hook] = importlib.import_module("airflow.listeners").hookimpl

    class Listener:
        @hookimpl
        def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
            tell(event="task", state="running", **_named(task_instance))

        @hookimpl
        def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
            tell(event="task", state="success", **_named(task_instance))

        @hookimpl
        def on_task_instance_failed(
            self, previous_state: Any, task_instance: Any, error: Any
        ) -> None:
            words = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else error
            text = str(words or "")[:_MAX_TEXT]
            tell(event="task", state="failed", error=text, **_named(task_instance))

    return Listener()


def _named(task_instance: Any) -> dict[str, Any]:
    return {"task_id": task_instance.task_id, "map_index": task_instance.map_index}


def _task(one: Any) -> dict[str, Any]:
    ran = one.end_date - one.start_date if one.start_date and one.end_date else None
    return {
        **_named(one),
        "state": one.state,
        "began_at": one.start_date.isoformat() if one.start_date else None,
        "seconds": ran.total_seconds() if ran else None,
        "tries": one.try_number,
    }


def _takes_examples(bag: Any) -> bool:
    return "include_examples" in bag.__init__.__code__.co_varnames


def _find_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
