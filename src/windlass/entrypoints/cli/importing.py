"""`windlass import`: pipelines of other tools, as documents of Windlass."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from windlass.domain.errors import Invalid
from windlass.entrypoints.cli.config import problem_line
from windlass.entrypoints.cli.render import Output, counted, print_json, say
from windlass.entrypoints.failures import EXIT_FAILED

if TYPE_CHECKING:
    from windlass.compiler.pipelines.importing.notes import Import

app = typer.Typer(
    no_args_is_help=True, help="Pipelines of other tools become documents of Windlass."
)
File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The YAML file.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="The folder for one file of each pipeline; printed if left out."),
]


@app.command("dag-factory", epilog="Example: windlass import dag-factory dags.yml --out pipelines")
def dag_factory(file: File, out: Out = None, output: Output = "text") -> None:
    """Turn a file of dag-factory into pipelines, one for each DAG. Needs no server.

    Each key that a pipeline cannot say is named with its place, and left out; then it exits with 1.
    The ids of DAGs and tasks stay as they are.
    """
    from windlass.compiler.pipelines.importing.dag_factory import import_dag_factory

    _run(import_dag_factory, file, out, output)


@app.command("pipeweaver", epilog="Example: windlass import pipeweaver orders.yaml --out pipelines")
def pipeweaver(file: File, out: Out = None, output: Output = "text") -> None:
    """Turn a file of PipeWeaver into a pipeline of windlass/v1. Needs no server.

    Each key that a pipeline cannot say is named with its place, and left out; then it exits with 1.
    The id of the DAG stays as it is.
    """
    from windlass.compiler.pipelines.importing.pipeweaver import import_pipeweaver

    _run(import_pipeweaver, file, out, output)


def _run(read: "Callable[[str, bytes], Import]", file: Path, out: Path | None, output: str) -> None:
    made = read(file.name, file.read_bytes())
    texts = {f"{one.name}.yaml": one.text for one in made.pipelines}
    if out is not None:
        _write(out, texts)
    if output == "json":
        findings = [one.to_json() for one in made.findings]
        print_json({"ok": not findings, "pipelines": texts, "findings": findings})
    else:
        for finding in made.findings:
            say(problem_line(finding.to_json()), err=True)
        if out is None:
            typer.echo("---\n".join(texts.values()), nl=False)
        else:
            say(f"{counted(len(texts), 'pipeline', 'pipelines')} written to {out}.")
    if made.findings:
        raise typer.Exit(EXIT_FAILED)


def _write(out: Path, texts: dict[str, str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        try:
            with (out / name).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            message = f"{str(out / name)!r} is there already"
            raise Invalid("CMP004", message, "Name another folder, or move it away.") from error
