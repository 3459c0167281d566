"""A real local Airflow for `windlass demo`, `windlass up --airflow` and the acceptance tests.

Three processes on 127.0.0.1 with SQLite: api-server, scheduler, dag-processor; never `standalone`,
which listens on every address and leaves orphans. Not for production. Imports no Airflow.
"""

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from windlass.domain.errors import Invalid, Unavailable
from windlass.entrypoints.processes import ChildProcess, Command, stop_all
from windlass.settings import load_settings

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    # without the flag the scheduler serves logs on 0.0.0.0:8793 (utils/serve_logs/core.py, 3.3)
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
HEARTS: Mapping[str, str] = {"scheduler": "scheduler", "dag-processor": "dag_processor"}
"""Component to its key in GET /api/v2/monitor/health (Airflow 3.1 to 3.3)."""

ADMIN = "admin"
SERVICE = "windlass"
ROLES: Mapping[str, str] = {ADMIN: "admin", SERVICE: "user"}
"""SimpleAuthManager roles. `user` is the least that reads DAGs and import errors and may parse."""

GRACE_S = 6.0
"""An idle Airflow stops in 2 s; a scheduler with a running task would wait for it without end."""
POLL_S = 0.05
LOG_LINES = 25


@dataclass(frozen=True, slots=True)
class AirflowEndpoint:
    """Where a local Airflow answers and who may talk to it; each file (0600) holds one password."""

    url: str
    username: str
    password_file: Path
    admin_username: str
    admin_password_file: Path


class LocalAirflow:
    """One Airflow below `home`, started and stopped as a whole.

    `python` is the interpreter of a venv with Airflow 3.1 or newer, byte-compiled at install: we
    start it with PYTHONDONTWRITEBYTECODE, for `__pycache__` in a release tree can run old code.
    `settings` holds `AIRFLOW__…` variables, the bundle list among them; they cannot widen what we
    listen on. Of `base_env` everything stays but `AIRFLOW…`, what redirects bytecode, and
    `WINDLASS_…`, which are no business of a DAG's code. Call `start` on a thread that outlives the
    Airflow, or have `commands` supervised after `prepare` and a `migration` that ended well.
    """

    def __init__(
        self,
        home: Path,
        *,
        python: Path,
        settings: Mapping[str, str],
        port: int,
        base_env: Mapping[str, str],
    ) -> None:
        self._home = home.absolute()
        self._python = python.absolute()  # never resolved: the link is what makes it the venv's
        self._settings = dict(settings)
        self._port = port
        self._base_env = base_env
        self._children: dict[str, ChildProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> AirflowEndpoint:
        passwords = self._home / "passwords"
        return AirflowEndpoint(
            f"http://127.0.0.1:{self._port}", SERVICE, passwords / SERVICE, ADMIN, passwords / ADMIN
        )

    def prepare(self) -> None:
        """Make the folders, keys and passwords that are missing; a used home keeps its own.

        Keys go to airflow.cfg, not to the environment: every task's subprocesses inherit that.
        """
        home = self._home
        for folder in (home, home / "passwords", home / "no-dags", home / "component-logs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for user in ROLES:
            _write_once(home / "passwords" / user, secrets.token_urlsafe(24))
        passwords = {user: (home / "passwords" / user).read_text() for user in ROLES}
        _write_once(home / "passwords.json", json.dumps(passwords) + "\n")
        _write_once(
            home / "airflow.cfg",
            f"[core]\nfernet_key = {_fernet_key()}\n\n"
            f"[api]\nsecret_key = {secrets.token_urlsafe(48)}\n\n"
            f"[api_auth]\njwt_secret = {secrets.token_urlsafe(64)}\n",  # HS512 wants 64 bytes
        )

    def start(self, deadline_s: float = 180.0) -> None:
        """Return when the API answers to our password and processor and scheduler heartbeat.

        Raises Unavailable (DEMO001) with the last log lines of the part that failed; then, as on
        any other error, nothing keeps running.
        """
        deadline = time.monotonic() + deadline_s
        self.prepare()
        try:
            self.migrate(deadline - time.monotonic())
            began_at = datetime.now(UTC)
            for name, command in self.commands().items():
                self._children[name] = ChildProcess(command)
            self._await_health(began_at, deadline)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process of this Airflow, running tasks included; harmless when stopped."""
        children, self._children = list(self._children.values()), {}
        stop_all(children, GRACE_S)

    def pids(self) -> frozenset[int]:
        """Return every process of this Airflow that runs now, tasks included."""
        return frozenset().union(*(child.pids() for child in self._children.values()))

    def log_path(self, name: str) -> Path:
        """Return the log of a component: a key of COMPONENTS, or `migrate`."""
        return self._home / "component-logs" / f"{name}.log"

    def commands(self) -> dict[str, Command]:
        """What runs each component, by its name."""
        return {name: self._command(name, arguments) for name, arguments in COMPONENTS.items()}

    def migrate(self, limit_s: float) -> None:
        """Make Airflow's database, or bring it to the version of this Airflow.

        Raises Unavailable DEMO001 with the last lines where that fails or takes longer.
        """
        with ChildProcess(self._command("migrate", ("db", "migrate"))) as migration:
            code = migration.wait(limit_s)
            if code != 0:
                raise _failure("db migrate", code, migration)

    def is_ready(self, began_at: datetime) -> bool:
        """Whether the API answers to our password, and scheduler and processor gave a sign of life
        since `began_at`. Raises Unavailable DEMO001 where it refuses the password."""
        with self._client(timeout_s=1.0) as client:
            if _not_ready(client, began_at):
                return False
            self._log_in(client)
            return True

    def _command(self, name: str, arguments: tuple[str, ...]) -> Command:
        return Command(
            argv=[str(self._python), "-m", "airflow", *arguments],
            env=self._env(),
            cwd=self._home,
            log_path=self.log_path(name),
            umask=0o077,
        )

    def _env(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in self._base_env.items()
            if not name.startswith(("AIRFLOW", "_AIRFLOW", "PYTHONPYCACHEPREFIX", "WINDLASS_"))
        }
        return {
            **inherited,
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self._home / "bundles"),
            **self._settings,
            **self._fixed_settings(),
            "AIRFLOW_HOME": str(self._home),
            "PATH": f"{self._python.parent}{os.pathsep}{inherited.get('PATH', os.defpath)}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _fixed_settings(self) -> dict[str, str]:
        url = self.endpoint.url
        return {
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._home / "no-dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{user}:{role}" for user, role in ROLES.items()
            ),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._home / 'airflow.db'}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self._home / "logs"),
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",  # it would listen on 0.0.0.0:8974
        }

    def _await_health(self, began_at: datetime, deadline: float) -> None:
        with self._client(timeout_s=5.0) as client:
            while waiting_for := _not_ready(client, began_at):
                self._raise_if_one_ended()
                if time.monotonic() > deadline:
                    raise _failure(waiting_for, None, self._children[waiting_for])
                self._children["api-server"].wait(POLL_S)
            self._raise_if_one_ended()
            self._log_in(client)

    def _client(self, *, timeout_s: float) -> httpx.Client:
        # trust_env: a proxy from the environment must not come between us and our own machine
        return httpx.Client(base_url=self.endpoint.url, trust_env=False, timeout=timeout_s)

    def _raise_if_one_ended(self) -> None:
        for name, child in self._children.items():
            if not child.is_alive:
                raise _failure(name, child.returncode, child)

    def _log_in(self, client: httpx.Client) -> None:
        """Prove that what answers on our port is ours and has read our passwords."""
        password = self.endpoint.password_file.read_text()
        reply = client.post("/auth/token", json={"username": SERVICE, "password": password})
        if reply.status_code != 201:
            raise Unavailable(
                "DEMO001",
                f"{self.endpoint.url} refused our password with HTTP {reply.status_code}.",
                "Another Airflow may be using this port; choose another one.",
            )


def find_airflow(given: Path | None) -> Path:
    """The interpreter to run Airflow with: the one given, set, or made by `make setup`."""
    python = given or load_settings().airflow_python or Path(".venv-airflow/bin/python")
    if python.exists():
        return python.absolute()
    raise Invalid(
        "DEMO004",
        f"there is no Airflow environment at {python}",
        "Make one with `make setup`, or name its python with --airflow-python.",
    )


def _not_ready(client: httpx.Client, began_at: datetime) -> str | None:
    """Return the first component without a sign of life since `began_at`, None when all have one.

    A heartbeat of an earlier run in the same home still counts as healthy for 30 s in Airflow.
    """
    try:
        reply = client.get("/api/v2/monitor/health")
        health: Any = reply.json() if reply.is_success else None
    except (httpx.TransportError, ValueError):
        health = None
    if not isinstance(health, dict):
        return "api-server"
    for name, key in HEARTS.items():
        beat = health.get(key, {}).get(f"latest_{key}_heartbeat")
        if beat is None or datetime.fromisoformat(beat) < began_at:
            return name
    return None


def _failure(name: str, code: int | None, child: ChildProcess) -> Unavailable:
    what = "was not ready in time" if code is None else f"ended with exit code {code}"
    return Unavailable(
        "DEMO001",
        f"the local Airflow did not start: {name} {what}. Its last lines:\n"
        f"{child.log_tail(LOG_LINES).rstrip()}",
    )


def _fernet_key() -> str:
    """Return 32 random bytes in padded URL-safe base64, the form of the Fernet specification."""
    return f"{secrets.token_urlsafe(32)}="


def _write_once(path: Path, text: str) -> None:
    """Write a file only we can read, unless it is there already; whole or not at all."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600, exist_ok=False)
    aside.write_text(text)
    aside.replace(path)
