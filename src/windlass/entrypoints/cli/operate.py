"""`windlass up`, `api`, `worker` and `demo`: running Windlass."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[int | None, typer.Option("--port", help="The port of the API on 127.0.0.1.")]


def up(
    port: Port = None,
    embedded_db: Annotated[
        bool,
        typer.Option(
            "--embedded-db", help="In a container, without a volume: keep the database there."
        ),
    ] = False,
) -> None:
    """Run everything on this machine: database, API and worker.

    Everything is kept in .windlass below this folder (WINDLASS_HOME). Stop it with Ctrl-C.
    """
    from windlass.entrypoints.running import run_up
    from windlass.settings import load_settings

    settings = load_settings(api_port=port, embedded_db=embedded_db or None)
    raise typer.Exit(run_up(settings))


def api(port: Port = None) -> None:
    """Run the API alone, on a database that runs already."""
    from windlass.entrypoints.logs import configure_logs
    from windlass.entrypoints.web.server import serve
    from windlass.settings import load_settings

    settings = load_settings(api_port=port)
    configure_logs(settings.log_format, "api")
    serve(settings)


def worker() -> None:
    """Run a worker alone, on a database that runs already. More of them share the work."""
    from windlass.app import (
        build_context,
        installation_of,
        nightly_of,
        open_database,
        prepare,
        watch_of,
    )
    from windlass.engine.loops import run_worker
    from windlass.entrypoints.logs import configure_logs
    from windlass.settings import load_settings

    settings = load_settings()
    configure_logs(settings.log_format, "worker")
    database = open_database(settings)
    context = build_context(settings, database)
    prepare(settings, context)
    run_worker(
        context,
        concurrency=settings.concurrency,
        keep_releases=settings.keep_releases,
        history=timedelta(days=settings.history_days),
        watch=watch_of(settings, context),
        nightly=nightly_of(settings, installation_of(settings, database.direct_url)),
    )


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Show the main job as a timeline, then exit.")
    ] = False,
    airflow_python: Annotated[
        Path | None,
        typer.Option(help="The python of an Airflow environment with airflow-provider-windlass."),
    ] = None,
) -> None:
    """Run Windlass beside a local Airflow, with a sample.

    The sample repository lies behind a Git server of this machine.

    Needs nothing but an Airflow environment: make setup makes .venv-airflow.
    """
    from windlass.entrypoints.demo.story import run_demo

    raise typer.Exit(run_demo(once=once, airflow_python=airflow_python, out=sys.stdout))
