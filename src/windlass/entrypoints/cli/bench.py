"""`windlass bench`: figures of this machine."""

from typing import Annotated, Any

import typer

from windlass.entrypoints.cli.render import Output, print_json, table

app = typer.Typer(no_args_is_help=True, help="Measure Windlass on this machine.")


@app.callback()
def _group() -> None:
    """A group even while it has one command."""


@app.command(epilog="Example: windlass bench sync --files 20000 --output json")
def sync(
    files: Annotated[int, typer.Option(min=1, max=50_000, help="DAG files.")] = 1000,
    pushes: Annotated[int, typer.Option(min=1, max=200, help="One-file commits.")] = 15,
    output: Output = "text",
) -> None:
    """Measure a sync, from its request to the flipped pointer, beside a plain sync tool's work.

    Everything runs for real below the temporary folder: TMPDIR decides on which file system.
    """
    from windlass.entrypoints.bench.sync import measure

    found = measure(files=files, pushes=pushes, progress=lambda text: typer.echo(text, err=True))
    if output == "json":
        print_json(found)
        return
    typer.echo(", ".join(f"{key} {value}" for key, value in found["conditions"].items()))
    heads = ("CASE", "N", "MIN MS", "P50 MS", "P90 MS", "MAX MS")
    typer.echo(table(heads, [_row(case) for case in found["cases"]], flexible=0))
    typer.echo(f"A one-file sync takes {found['ratio_to_peer']} times what the peer takes (p50).")


def _row(case: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(case[key]) for key in ("case", "n", "min_ms", "p50_ms", "p90_ms", "max_ms"))
