"""`windlass compile`: pipelines in YAML become DAG files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.domain.pipeline import DEFAULT_FOLDERS
from windlass.entrypoints.cli.config import problem_line
from windlass.entrypoints.cli.render import EnvironmentName, Output, counted, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.compiler.pipelines.calls import SignatureOf
    from windlass.compiler.pipelines.tree import CompiledTree
    from windlass.domain.pipeline import Bindings
    from windlass.domain.signature import Missing, Signature
    from windlass.engine.compile_folder import Differences
    from windlass.entrypoints.cli.declared import Chosen

STALE_LOCK = (
    "pipelines.lock is not what it should be: run windlass template lock, and commit what it writes"
)


def compile_(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", exists=True, help="The DAG root, or one pipeline."),
    ] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the DAG files go, as below PATH; beside the pipelines if left out."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a DAG file would change.")
    ] = False,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(help="A folder below PATH that holds pipelines; again for each. pipelines."),
    ] = None,
    airflow: Annotated[
        str | None,
        typer.Option(
            help="The Airflow that the DAG files are for, such as 2.11. Default: that of the"
            " environment's interpreter, if --environment names one, else 3.3."
        ),
    ] = None,
    environment: EnvironmentName = None,
    inventory: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A YAML file of what the environment has: its clusters, and allowed operators.",
        ),
    ] = None,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            help="Print the JSON Schema of pipelines, with PATH's templates, for editors.",
        ),
    ] = False,
    airflow_python: Annotated[
        Path | None,
        typer.Option(
            help="Airflow's python, whose operators say what steps of the type operator may give"
            " them. Default: as configured; without one that is unknown."
        ),
    ] = None,
    output: Output = "text",
) -> None:
    """Compile pipelines, each to one DAG file. Needs no server and no Airflow.

    Every problem is told, each at its place. A pipeline that has one keeps its DAG file as it was,
    and costs no other anything. The DAG file of a pipeline that is gone is removed.
    """
    from windlass.compiler.pipelines.schema import pipeline_schema
    from windlass.engine.compile_folder import compare, compile_folder, write
    from windlass.engine.templates import next_lock, templates_in, uses_in
    from windlass.entrypoints.cli.declared import chosen

    root = root_of(path)
    templates = templates_in(root)
    if schema:
        typer.echo(json.dumps(pipeline_schema(templates), indent=2))
        return
    folders = tuple(dict.fromkeys(one.strip("/") for one in pipelines or DEFAULT_FOLDERS))
    meant = chosen(environment, inventory, airflow_python)
    bound = bindings_in(meant, airflow, ask=environment is not None)
    target = out or (path.parent if path.is_file() else path)
    signature_of = _signatures(meant.python)
    tree = compile_folder(path, folders, bound, templates=templates, signature_of=signature_of)
    untold = [one for one in _calls(tree) if signature_of(one["class"]) is None]
    found = compare(tree, path, target, folders)
    if not check:
        write(tree, found, target)
    stale = (
        check
        and path.is_dir()
        and next_lock(templates, uses_in(path, folders))[0] != templates.lock
    )
    if output == "json":
        print_json({**_as_json(tree, found), "lock_is_stale": stale, "unknown": untold})
    else:
        _print(tree, found, check=check)
        if untold:
            count = counted(len(untold), "step", "steps")
            say(f"Unknown: what the operators of {count} take; --airflow-python PATH tells.")
    if stale:
        say(STALE_LOCK, err=True)
    if not tree.is_good or stale or (check and found.any):
        raise typer.Exit(EXIT_FAILED)


def root_of(path: Path) -> Path:
    """The DAG root that a file lies in, as far as templates tell; a folder is one."""
    if path.is_dir():
        return path
    above = path.resolve().parents
    return next((one for one in above if any(one.glob("templates/*/*/template.yaml"))), above[0])


def _signatures(python: Path | None) -> "SignatureOf":
    """The signatures of an interpreter, which is asked when the first one is wanted."""
    from functools import cache

    from windlass.sandbox.installed import InstalledMemory

    @cache
    def installed() -> InstalledMemory | None:
        return InstalledMemory(python) if python else None

    def signature_of(path: str) -> "Signature | Missing | None":
        memory = installed()
        return memory.signature(path) if memory else None

    return signature_of


def _calls(tree: "CompiledTree") -> "list[dict[str, Any]]":
    return [
        {"path": path, "line": one.at[0], "class": one.path}
        for path, made in tree.made.items()
        for one in made.called
    ]


def _as_json(tree: "CompiledTree", found: "Differences") -> dict[str, object]:
    return {
        "ok": tree.is_good,
        "pipelines": [
            {"source": one.source, "path": one.path, "dag_id": one.dag_id}
            for one in tree.made.values()
        ],
        "added": found.added,
        "changed": found.changed,
        "removed": found.removed,
        "findings": [one.to_json() for one in tree.findings],
    }


def _print(tree: "CompiledTree", found: "Differences", *, check: bool) -> None:
    for one in tree.findings:
        say(problem_line(one.to_json()), err=True)
    for word, paths in (("new", found.added), ("new text", found.changed), ("gone", found.removed)):
        for path in paths:
            say(f"{word:<9} {path}")
    said = f"{counted(len(tree.made), 'pipeline', 'pipelines')} compiled"
    if tree.failed:
        said += f", {len(tree.failed)} not"
    if not found.any:
        said += "; the DAG files are as they were"
    elif check:
        said += "; run windlass compile, and commit what it writes"
    say(f"{said}.")


def bindings_in(meant: "Chosen", airflow: str | None, *, ask: bool) -> "Bindings":
    """What an environment gives to pipelines; with `ask` its interpreter says for which Airflow,
    where `airflow` does not."""
    from windlass.compiler.pipelines.bindings import airflow_version
    from windlass.engine.pipelines import bindings_of
    from windlass.sandbox.installed import InstalledMemory

    installed = (
        InstalledMemory(meant.python).now() if ask and meant.python and not airflow else None
    )
    bound = bindings_of(installed, meant.declared, meant.name)
    return replace(bound, airflow=airflow_version(airflow)) if airflow else bound
