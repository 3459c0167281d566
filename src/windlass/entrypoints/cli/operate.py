"""`windlass up`, `api`, `worker` and `demo`: running Windlass."""

import sys
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

AIRFLOW_PORT = 8080
"""Airflow's own default."""

Port = Annotated[int | None, typer.Option("--port", help="The port of the API on 127.0.0.1.")]


def up(
    port: Port = None,
    embedded_db: Annotated[
        bool,
        typer.Option(
            "--embedded-db", help="In a container, without a volume: keep the database there."
        ),
    ] = False,
    airflow: Annotated[
        bool, typer.Option("--airflow", help="A local Airflow too, on 127.0.0.1, to try things.")
    ] = False,
    airflow_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help=f"Its port; default {AIRFLOW_PORT}."),
    ] = None,
    airflow_python: Annotated[
        Path | None,
        typer.Option(
            help="Its interpreter, with airflow-provider-windlass; default: that of the settings, "
            "else .venv-airflow."
        ),
    ] = None,
) -> None:
    """Run everything on this machine: database, API and worker.

    Everything is kept in .windlass below this folder (WINDLASS_HOME). Stop it with Ctrl-C.

    With --airflow a newcomer has all there is to try with their own repositories. The code of
    their DAGs runs as who starts this.
    """
    import_lean("structlog")
    from windlass.domain.errors import Invalid
    from windlass.entrypoints.running import run_up
    from windlass.settings import load_settings

    if not airflow and (airflow_port or airflow_python):
        words = "--airflow-port and --airflow-python go with --airflow"
        raise Invalid("CLI004", words, "windlass up --airflow")
    settings = load_settings(api_port=port, embedded_db=embedded_db or None)
    if not airflow:
        raise typer.Exit(run_up(settings))
    from windlass.entrypoints.up_airflow import AirflowBeside

    beside = AirflowBeside(
        settings, python=airflow_python, port=airflow_port or AIRFLOW_PORT, say=_say
    )
    raise typer.Exit(run_up(settings, beside))


def api(port: Port = None) -> None:
    """Run the API alone, on a database that runs already."""
    import_lean("structlog", "httpx")
    from windlass.entrypoints.logs import configure_logs
    from windlass.entrypoints.web.server import serve
    from windlass.settings import load_settings

    settings = load_settings(api_port=port)
    configure_logs(settings.log_format, "api")
    serve(settings)


def worker() -> None:
    """Run a worker alone, on a database that runs already. More of them share the work."""
    import_lean("structlog", "httpx")
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
    from windlass.entrypoints.reports.stored import WORDING
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
        wording=WORDING,
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


def import_lean(*names: str) -> None:
    """Import structlog and httpx without rich and pygments, which they take along where these are
    installed, to draw what nobody has drawn here: 7 MB in each process, for ever."""
    drawing = [name for name in ("rich", "pygments") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(drawing))  # type: ignore[arg-type]  # None: not to be had
    for name in names:
        import_module(name)
    for name in drawing:
        del sys.modules[name]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
