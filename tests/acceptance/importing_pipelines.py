"""Run by the Python of an Airflow: imports the compiled files of tests/cases/pipelines as its DAG
processor would, and prints what came of each as JSON: null, or the error.

Arguments: the folder of the cases, and an empty one to work in. Nothing of Windlass is imported.
"""

import importlib.util
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

FUNCTIONS = """
def load(*args, **kwargs):
    return 1

def days():
    return []

def which():
    return "full"
"""


def main(cases: Path, room: Path) -> None:
    os.environ["AIRFLOW_HOME"] = str(room)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    warnings.simplefilter("ignore")
    package = room / "company"
    package.mkdir()
    for name in ("__init__", "orders", "other"):
        (package / f"{name}.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(room))
    from airflow.version import version  # type: ignore[import-not-found,unused-ignore]

    name = "out_2.py" if version.startswith("2.") else "out.py"
    found = {path.parent.name: problem(path) for path in sorted(cases.glob(f"*/{name}"))}
    print("RESULT " + json.dumps({"airflow": version, "found": found}))  # noqa: T201


def problem(path: Path) -> str | None:
    """What is wrong with a file; None where it makes one DAG with tasks that can be stored."""
    spec = importlib.util.spec_from_file_location(f"case_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    noted = noted_dags()
    try:
        spec.loader.exec_module(module)
        ((dag, _),) = noted
        serialize(dag)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"
    return None if dag.task_ids else "it has no tasks"


def noted_dags() -> Any:
    """The set in which Airflow notes every DAG of a `with`, emptied."""
    try:
        from airflow.sdk.definitions._internal.contextmanager import DagContext  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from airflow.models.dag import DagContext  # type: ignore[import-not-found,unused-ignore]
    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = __name__
    return DagContext.autoregistered_dags


def serialize(dag: Any) -> None:
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialized  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialized  # type: ignore[import-not-found,unused-ignore]
    json.dumps(Serialized.to_dict(dag))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve())
