"""Run by the Python of an Airflow: runs DAG files to their end, as `dag.test` does, and prints what
became of each as JSON: the state of the run, and of every task by its id.

Arguments: the folder of the DAG files, and one to keep Airflow's database in. Connections come from
the environment. Nothing of Windlass is imported.
"""

import importlib.util
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any


def main(folder: Path, room: Path) -> None:
    os.environ["AIRFLOW_HOME"] = str(room)
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(folder)
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(folder))
    from airflow.utils.db import initdb  # type: ignore[import-not-found,unused-ignore]

    initdb()
    found = {path.stem: ended(path) for path in sorted((folder / "pipelines").glob("*.py"))}
    print("RESULT " + json.dumps(found))  # noqa: T201


def ended(path: Path) -> dict[str, Any]:
    """How the run of a file's DAG ended, and each of its tasks."""
    spec = importlib.util.spec_from_file_location(f"runs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    from airflow.sdk.definitions._internal.contextmanager import (  # type: ignore[import-not-found,unused-ignore]
        DagContext,
    )

    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = spec.name
    spec.loader.exec_module(module)
    ((dag, _),) = DagContext.autoregistered_dags
    run = dag.test()
    tasks: dict[str, list[str]] = {}
    for one in run.get_task_instances():
        tasks.setdefault(one.task_id, []).append(str(one.state))
    return {"run": str(run.state), "tasks": tasks}


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
