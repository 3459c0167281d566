"""The Airflow that `windlass up --airflow` runs beside Windlass, for one machine and one person.

It is kept below WINDLASS_HOME. What runs it is demo/airflow.py, what supervises it running.py.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from windlass.credentials.signing import SigningKey
from windlass.database.connection import Database
from windlass.database.environments import list_environments
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.events import Event
from windlass.domain.installed import Installed
from windlass.domain.repository import Owner
from windlass.domain.statement import key_text
from windlass.domain.versions import satisfies
from windlass.entrypoints.demo.airflow import COMPONENTS, LocalAirflow, find_airflow
from windlass.entrypoints.processes import Command, check_port
from windlass.home import embedded_postgres
from windlass.sandbox.installed import InstalledMemory
from windlass.settings import (
    Settings,
    SourceKind,
    outer_environment,
    sources_of,
    variable_of,
)
from windlass.stack.airflow import Mounted, airflow_settings

LEAST = ">=3.1"
PROVIDER = "airflow-provider-windlass"
MIGRATION_LIMIT_S = 600.0
"""A first one takes 10 s of a core; a machine may be slow, and busy."""
THEIRS = ("airflow_url", "airflow_username", "airflow_password_file")
"""The settings that name an Airflow which runs elsewhere."""

log = structlog.get_logger()


class AirflowBeside:
    """One local Airflow of a `windlass up`. Made before anything is started: it raises what stands
    in its way.

    Invalid CFG027 where the settings name another Airflow, CFG028 where the interpreter lacks what
    it takes, CFG005 where the port is taken, DEMO004 where there is no interpreter, and PY002.
    """

    def __init__(
        self, settings: Settings, *, python: Path | None, port: int, say: Callable[[str], None]
    ) -> None:
        _refuse_other_settings()
        remedy = "choose one with --airflow-port"
        if port == settings.api_port:
            words = f"port {port} cannot be both the API's and Airflow's"
            raise Invalid("CFG029", words, "Choose another with --airflow-port.")
        check_port(port, part="Airflow", remedy=remedy)
        self._python = find_airflow(python)
        self._installed = InstalledMemory(self._python).now()
        self._version = _check_installed(self._installed, self._python)
        self._settings = settings
        self._home = settings.home / "airflow"
        self._port = port
        self._say = say
        self._airflow: LocalAirflow | None = None
        self._is_told = False
        self._began = time.monotonic()
        self._began_at = datetime.now(UTC)

    def prepare(self) -> None:
        """Bring Airflow's folder and database to where its components can start. Windlass's own
        database runs. Raises Conflict CFG030 where the environment belongs to another Airflow,
        Unavailable DEMO001 where the database of Airflow cannot be made."""
        self._airflow = self._local()
        _refuse_other_environment(self._settings, self._airflow.endpoint.url)
        logs = self._airflow.log_path("migrate").parent
        self._say(f"Starting Airflow {self._version}; its logs are in {logs} …")
        self._airflow.prepare()
        for name in (*COMPONENTS, "migrate"):
            _set_aside(self._airflow.log_path(name))
        if not self._is_migrated():
            self._airflow.migrate(MIGRATION_LIMIT_S)
            self._marker.write_text(json.dumps(self._installed.digest))

    def commands(self) -> dict[str, Command]:
        """What runs its components, by names that tell them from Windlass's own."""
        return {f"airflow {name}": one for name, one in self._started().commands().items()}

    def variables(self) -> Mapping[str, str]:
        """The settings of Windlass's API and worker by which they know it."""
        endpoint = self._started().endpoint
        return {
            "WINDLASS_AIRFLOW_URL": endpoint.url,
            "WINDLASS_AIRFLOW_USERNAME": endpoint.username,
            "WINDLASS_AIRFLOW_PASSWORD_FILE": str(endpoint.password_file),
            "WINDLASS_AIRFLOW_PYTHON": str(self._python),
        }

    def look(self) -> None:
        """Say once that it is ready, and how to get in."""
        if self._is_told or not self._started().is_ready(self._began_at):
            return
        self._is_told = True
        endpoint = self._started().endpoint
        seconds = round(time.monotonic() - self._began, 1)
        log.info(Event.AIRFLOW_READY, url=endpoint.url, version=self._version, seconds=seconds)
        self._say(
            f"Ready after {seconds} s.\n\n"
            f"Airflow    {endpoint.url}\n"
            f"           user {endpoint.admin_username}, "
            f"password: cat {endpoint.admin_password_file}\n"
            f"Windlass   {self._settings.client_url}/docs\n"
            "Next       windlass repo add https://git.example/team/dags\n\n"
            "Ctrl-C stops everything; the next start finds it as it was."
        )

    def _started(self) -> LocalAirflow:
        assert self._airflow is not None, "prepare comes first"
        return self._airflow

    def _local(self) -> LocalAirflow:
        settings = self._settings
        public = SigningKey(settings.home / "release-key").public
        wanted = airflow_settings(
            source=Mounted(settings.home / "store"),
            environment=settings.environment,
            bundles=Environment(settings.environment, bundles=settings.bundles).pool,
            public_key=key_text(public),
            storage=self._home / "bundles",
        )
        return LocalAirflow(
            self._home,
            python=self._python,
            settings={one.variable: one.value for one in wanted},
            port=self._port,
            base_env=outer_environment(),
        )

    @property
    def _marker(self) -> Path:
        return self._home / "migrated-for.json"

    def _is_migrated(self) -> bool:
        """Whether these very packages have made, or migrated, the database: asking Airflow itself
        takes seconds of every start."""
        with suppress(OSError, ValueError):
            known = json.loads(self._marker.read_text())
            return bool(known == self._installed.digest) and (self._home / "airflow.db").exists()
        return False


def _refuse_other_settings() -> None:
    sources = sources_of({})
    given = [
        f"{variable_of(name)} ({sources[name]})"
        for name in THEIRS
        if sources[name].kind is not SourceKind.DEFAULT
    ]
    if given:
        raise Invalid(
            "CFG027",
            f"--airflow runs an Airflow of its own, and {', '.join(given)} "
            + ("names another" if len(given) == 1 else "name another"),
            "Leave --airflow out to go on with that one, or take the settings away.",
        )


def _check_installed(installed: Installed, python: Path) -> str:
    """Airflow's version there."""
    has = installed.distributions
    version = has.get("apache-airflow-core") or has.get("apache-airflow")
    if version is None or satisfies(version, LEAST) is False:
        lacks = "Airflow 3.1 or newer" + (f": it has {version}" if version else "")
    elif PROVIDER not in has:
        lacks = f"{PROVIDER}, which reads releases"
    else:
        return version
    raise Invalid(
        "CFG028",
        f"the interpreter {str(python)!r} lacks {lacks}",
        "`make setup` makes .venv-airflow with both; --airflow-python names another.",
    )


def _refuse_other_environment(settings: Settings, url: str) -> None:
    """What is deployed to one Airflow must not silently go to another."""
    mine, direct = settings.database_url, settings.database_direct_url
    database = Database(
        mine.get_secret_value() if mine else embedded_postgres(settings).url(),
        direct_url=direct.get_secret_value() if mine and direct else None,
        pool_size=1,
    )
    try:
        database.migrate()
        with database.transaction() as connection:
            by_name = {one.name: one for one in list_environments(connection)}
    finally:
        database.close()
    known = by_name.get(settings.environment)
    why = _whose(known, url) if known else None
    if why:
        raise Conflict(
            "CFG030",
            f"--airflow runs an Airflow of its own, and the environment {settings.environment!r} "
            f"{why}",
            "Leave --airflow out, or set WINDLASS_ENVIRONMENT to a new name.",
        )


def _whose(known: Environment, url: str) -> str | None:
    """Why a local Airflow cannot be the environment's; None where it can."""
    if known.owner is Owner.FILE:
        return "is declared in windlass.yaml"
    if known.target is not Target.BUNDLE:
        return f"has the target {known.target}"
    if known.owner is Owner.API and known.airflow_url not in (None, url):
        return f"is that of {known.airflow_url}"
    return None


def _set_aside(path: Path) -> None:
    """Begin a log anew; the one of the last start stays beside it."""
    with suppress(FileNotFoundError):
        path.replace(path.with_name(f"{path.name}.old"))
