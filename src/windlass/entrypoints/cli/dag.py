"""`windlass dag`: what a developer does with one DAG of a folder, without a server."""

import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.domain.errors import Invalid
from windlass.domain.nearest import suggest
from windlass.entrypoints.cli.render import Output, print_json, say, table
from windlass.entrypoints.failures import EXIT_FAILED, EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windlass.sandbox.dag_run import DagRunEnd

app = typer.Typer(no_args_is_help=True, help="Try one DAG of a folder.")
_LAST_LINES = 15


@app.callback()
def _group() -> None:
    pass


@app.command("test", epilog='Example: windlass dag test dags orders --conf \'{"day": "monday"}\'')
def run_one(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[PATH] DAG_ID", help="The folder with the DAGs, and which DAG."),
    ],
    airflow_python: Annotated[
        Path | None,
        typer.Option(help="Airflow's python, which runs the DAG. Default: as configured."),
    ] = None,
    conf: Annotated[
        str, typer.Option(metavar="JSON", help="The configuration of the run, an object.")
    ] = "{}",
    logical_date: Annotated[
        str | None, typer.Option(metavar="DATE", help="Such as 2026-01-31; default: now.")
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A YAML file whose sandbox_values are the connections and variables of the run.",
        ),
    ] = None,
    timeout: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="After so long everything is ended.")
    ] = 600,
    logs: Annotated[
        bool, typer.Option("--logs", help="Show what Airflow and the tasks print, on stderr.")
    ] = False,
    output: Output = "text",
) -> None:
    """Run one DAG of a folder here and now, task by task.

    It needs no Airflow that is set up: the run has a database of its own, which is gone afterwards.
    Nothing is confined: this is your code, on your machine, with its network. Exits with 0 if the
    run succeeds, with 1 if not.
    """
    from windlass.entrypoints.cli.declared import declared_in
    from windlass.sandbox.dag_run import DagRunRequest, run_dag
    from windlass.settings import load_settings

    folder, dag_id = _place_of(words)
    settings = load_settings()
    python = airflow_python or settings.airflow_python
    if python is None:
        raise Invalid(
            "CLI020",
            "no Airflow is known that could run a DAG",
            "Name its python: --airflow-python, or WINDLASS_AIRFLOW_PYTHON.",
        )
    request = DagRunRequest(
        folder=folder.resolve(),
        dag_id=dag_id,
        conf=_object_of(conf),
        logical_date=_date_of(logical_date),
        values=declared_in(inventory).sandbox_values,
        plugins=settings.airflow_plugins,
    )
    _check_airflow(python)
    is_text = output == "text"
    tell = _say_event if is_text else _say_nothing
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_INTERRUPTED))  # what runs ends first
    end = run_dag(
        python if python.parent == Path() else python.absolute(),
        request,
        tell,
        limit_s=timeout,
        show_log=logs,
    )
    if is_text:
        _say_end(end, request.dag_id, timeout, show_log=logs)
    else:
        print_json(_as_json(end, request.dag_id))
    raise typer.Exit(0 if end.state == "success" else EXIT_FAILED)


def _check_airflow(python: Path) -> None:
    from windlass.sandbox.interpreter import Interpreter

    if Interpreter(python).facts.airflow is None:
        raise Invalid(
            "CLI020",
            f"{str(python)!r} has no Airflow that could run a DAG",
            "Name the python of an Airflow: --airflow-python, or WINDLASS_AIRFLOW_PYTHON.",
        )


def _place_of(words: list[str]) -> tuple[Path, str]:
    if len(words) > 2:
        raise typer.BadParameter("expected a folder and one DAG_ID, or one DAG_ID")
    folder = Path(words[0]) if len(words) == 2 else Path()
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {str(folder)!r}")
    return folder, words[-1]


def _object_of(conf: str) -> dict[str, Any]:
    try:
        given = json.loads(conf)
    except ValueError as error:
        raise Invalid("CLI021", f"--conf is no JSON: {error}", 'For example {"n": 1}.') from error
    if not isinstance(given, dict):
        raise Invalid("CLI021", f"--conf is no object: {conf}", 'For example {"n": 1}.')
    return given


def _date_of(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            "CLI022", f"--logical-date {text!r} is no date", "For example 2026-01-31T06:00."
        ) from None
    return moment.isoformat()


def _say_nothing(event: "Mapping[str, Any]") -> None:
    pass


def _say_event(event: "Mapping[str, Any]") -> None:
    """What is told while it runs: which Airflow, and why a task failed."""
    if event["event"] == "airflow":
        say(f"Airflow {event['version']}, with a database of its own …")
    elif event["event"] == "task" and event["state"] == "running":
        say(f"  {_name(event)} runs …")
    elif event["event"] == "task" and event["state"] == "failed":
        say(f"  {_name(event)} failed: {event['error'] or 'no reason was told'}")


def _say_end(end: "DagRunEnd", dag_id: str, timeout: int, *, show_log: bool) -> None:
    if end.state == "missing":
        _say_missing(end, dag_id)
        return
    if end.state in ("timeout", "died"):
        why = f"took longer than {timeout} s" if end.state == "timeout" else "ended before its end"
        say(f"The run of {dag_id} {why}; every process of it is gone.")
        if not show_log:
            say("\n".join(f"  {line}" for line in end.log.splitlines()[-_LAST_LINES:]))
        return
    rows = [
        (_name(one), one["state"] or "-", _seconds(one["seconds"]), str(one["tries"]))
        for one in _in_order(end.last["tasks"])
    ]
    say(table(("TASK", "STATE", "SECONDS", "TRIES"), rows, flexible=0))
    say(f"{dag_id}: {end.state} after {end.last['seconds']:.1f} s.")
    if end.state != "success" and not show_log:
        say("  See what the tasks printed: --logs")


def _say_missing(end: "DagRunEnd", dag_id: str) -> None:
    known, errors = end.last["known"], end.last["errors"]
    say(f"No file makes the DAG {dag_id!r}. {suggest(dag_id, known)}".rstrip())
    for path, words in errors.items():
        say(f"  {path} cannot be imported: {words}")


def _as_json(end: "DagRunEnd", dag_id: str) -> dict[str, Any]:
    told = {name: value for name, value in end.last.items() if name not in ("event", "state")}
    is_whole = end.last.get("event") in ("end", "missing")
    return {"dag_id": dag_id, "state": end.state, **(told if is_whole else {})}


def _in_order(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By when they began, those that never did last."""
    return sorted(tasks, key=lambda one: (one["began_at"] is None, one["began_at"] or ""))


def _name(one: "Mapping[str, Any]") -> str:
    """The task's id, and which of several it is where it is mapped."""
    which = f"[{one['map_index']}]" if one["map_index"] >= 0 else ""
    return f"{one['task_id']}{which}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
