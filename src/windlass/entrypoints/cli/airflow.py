"""`windlass airflow`: what an Airflow needs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(no_args_is_help=True, help="Connect an Airflow.")


@app.callback()
def _group() -> None:
    """A group even while it has one command."""


@app.command(epilog="Example: windlass airflow config --format helm > values.yaml")
def config(
    form: Annotated[
        Literal["env", "cfg", "helm"],
        typer.Option("--format", help="Environment variables, airflow.cfg, or Helm values."),
    ] = "env",
    store: Annotated[
        Path | None, typer.Option(help="Where Airflow mounts the store; default: where it is here.")
    ] = None,
) -> None:
    """Print the exact settings that an Airflow needs, for every one of its components."""
    from windlass.settings import load_settings
    from windlass.stack.airflow import (
        airflow_settings,
        as_cfg,
        as_environment,
        as_helm_values,
        bundle_names,
    )

    settings = load_settings()
    wanted = airflow_settings(
        store=store or settings.home / "store",
        environment=settings.environment,
        bundles=bundle_names(settings.bundles),
    )
    render = {"env": as_environment, "cfg": as_cfg, "helm": as_helm_values}[form]
    typer.echo(render(wanted), nl=False)
