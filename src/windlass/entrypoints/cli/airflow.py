"""`windlass airflow`: what an Airflow needs."""

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import typer

from windlass.domain.environment import Environment, Target
from windlass.domain.errors import Invalid
from windlass.stack.airflow import (
    AirflowSetting,
    Mounted,
    Origin,
    airflow_settings,
    folder_settings,
)

if TYPE_CHECKING:
    from windlass.settings import Settings  # late: `windlass --help` must stay quick

DAGS_FOLDER = {
    "name": "dags-folder",
    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
    "kwargs": {},
}
"""What Airflow 3 serves where nobody set a list of bundles (its config.yml)."""

app = typer.Typer(no_args_is_help=True, help="Connect an Airflow.")


@app.callback()
def _group() -> None:
    """A group even while it has one command."""


@app.command(
    epilog="Example: windlass airflow config --format helm --origin https://windlass.example"
)
def config(
    form: Annotated[
        Literal["env", "cfg", "helm"],
        typer.Option("--format", help="Environment variables, airflow.cfg, or Helm values."),
    ] = "env",
    store: Annotated[
        Path | None, typer.Option(help="Where Airflow mounts the store; default: where it is here.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Airflow mounts no store: it fetches releases from Windlass, here its https:// "
            "address as Airflow sees it.",
        ),
    ] = None,
    token_file: Annotated[
        Path, typer.Option(help="With --origin: Airflow's copy of HOME/origin-token.")
    ] = Path("/etc/airflow/windlass-token"),
    cache: Annotated[
        Path, typer.Option(help="With --origin: where each Airflow host keeps releases.")
    ] = Path("/var/lib/airflow/windlass"),
    storage: Annotated[
        Path, typer.Option(help="Where each Airflow host keeps what it needs for bundles.")
    ] = Path("/var/lib/airflow/bundles"),
    environment: Annotated[
        str | None,
        typer.Option(
            help="For another environment than that of the settings; asks the running Windlass."
        ),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Keep the bundles that this file of settings has, or Airflow's dags-folder where "
            "it lists none; - for standard input. As windlass repo adopt reads it.",
        ),
    ] = None,
    airflow_2: Annotated[
        bool, typer.Option("--airflow-2", help="The target folder, as Airflow 2 names its options.")
    ] = False,
    own_processor: Annotated[
        bool,
        typer.Option(
            "--dag-processor", help="With --airflow-2: a dag-processor parses, not the scheduler."
        ),
    ] = False,
) -> None:
    """Print the exact settings that an Airflow needs.

    Give them to every one of its components.
    """
    from windlass.settings import load_settings
    from windlass.stack.airflow import as_cfg, as_environment, as_helm_values

    if origin and store:
        raise Invalid("CLI004", "--store and --origin exclude each other", "Give one of them.")
    if own_processor and not airflow_2:
        raise Invalid(
            "CLI004",
            "--dag-processor goes with --airflow-2",
            "Airflow 3 always has a dag-processor of its own.",
        )
    settings = load_settings()
    found = _environment(settings, environment)
    mounted = store or settings.home / "store"
    if airflow_2 or found.target is Target.FOLDER:
        dags = mounted / "environments" / found.name / "dags"
        if beside:
            raise Invalid("CLI004", "--beside goes with the target bundle", "Leave it out.")
        wanted = folder_settings(dags=dags, is_airflow_2=airflow_2, own_processor=own_processor)
    else:
        source = Origin(_origin(origin), token_file, cache) if origin else Mounted(mounted)
        others = _others(beside) if beside else []
        wanted = _bundle_settings(settings, found, source, storage, others)
    render = {"env": as_environment, "cfg": as_cfg, "helm": as_helm_values}[form]
    typer.echo(render(wanted), nl=False)


def _origin(url: str) -> str:
    """The address as the provider takes it; Invalid CLI014 for what it would refuse (BUNDLE023)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return url.rstrip("/")
    raise Invalid(
        "CLI014",
        f"--origin {url!r} is no address that Airflow would send its token to",
        "Give https://HOST; http:// only for a Windlass on Airflow's own host.",
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _environment(settings: "Settings", name: str | None) -> Environment:
    """The environment of the settings, or the one of that name as the running Windlass has it."""
    if name is None or name == settings.environment:
        return Environment(settings.environment, bundles=settings.bundles)
    from windlass.entrypoints.cli.client import Client

    found = Client(settings).get(f"/api/v1/environments/{quote(name, safe='')}")
    return Environment(
        name, Target(found["target"]), bundles=found["bundles"], teams=found["teams"]
    )


def _others(file: str) -> list[dict[str, Any]]:
    """The bundles of an Airflow's settings that are not Windlass's."""
    from windlass.compiler.adoption.bundles import others_in
    from windlass.compiler.adoption.texts import Findings, find_in_file
    from windlass.entrypoints.cli.adopt import content_of

    found = Findings()
    find_in_file(*content_of(file), found)
    return others_in([item for _, item in found.items] or [DAGS_FOLDER])


def _bundle_settings(
    settings: "Settings",
    environment: Environment,
    source: Mounted | Origin,
    storage: Path,
    others: list[dict[str, Any]],
) -> tuple[AirflowSetting, ...]:
    from windlass.app import public_key_of

    public_key = public_key_of(settings)
    if public_key is None:
        note = "There is no release key yet, so none is pinned: start Windlass once, then print"
        typer.echo(f"{note} this again.", err=True)
    return airflow_settings(
        source=source,
        environment=environment.name,
        bundles=environment.pool,
        public_key=public_key,
        storage=storage,
        others=others,
    )
