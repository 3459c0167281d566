"""What demo, benchmark and acceptance tests stand on, for real and on loopback only: a Git server,
Windlass as `windlass up` runs it, and an Airflow. All of it is stopped for certain."""

import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from windlass.app import release_key_of, store_of
from windlass.domain.environment import Environment
from windlass.domain.errors import Unavailable
from windlass.domain.statement import key_text
from windlass.entrypoints.cli.client import Client
from windlass.entrypoints.demo.airflow import LocalAirflow, find_airflow
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.entrypoints.demo.questions import DemoAirflow
from windlass.entrypoints.processes import ChildProcess, Command, free_port, run_to_end, stop_all
from windlass.entrypoints.running import part_commands
from windlass.home import embedded_postgres, ensure_token, make_home
from windlass.settings import Settings, load_settings, outer_environment, process_environment
from windlass.stack.airflow import Mounted, airflow_settings

USER = "ci"


class Ground:
    """A running Windlass and a Git server below one temporary folder, which goes with them.

    Enter it on a thread that outlives it. Whatever was started is stopped at the end, also where
    entering fails half way.
    """

    bundles = 8

    def __init__(self) -> None:
        # Any account may enter it: as root, the database runs as another one.
        self.folder = Path(tempfile.mkdtemp(prefix="windlass-demo-"))
        self.folder.chmod(0o711)
        self.settings: Settings = load_settings(
            home=self.folder / "windlass", api_port=free_port(), bundles=self.bundles
        )
        self.password = secrets.token_urlsafe(12)
        self.git = GitHttpServer(
            self.folder / "git", username=USER, password=self.password, env=process_environment()
        )
        self._postgres = embedded_postgres(self.settings)
        self._parts: dict[str, ChildProcess] = {}
        self._commands: dict[str, Command] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def client(self) -> Client:
        """Windlass's API."""
        return Client(self.settings)

    def clone(self, name: str) -> "Clone":
        """Make a private repository on the Git server; a clone of it that may push."""
        self.git.create_repository(name, private=True)
        folder = self.folder / "clones" / name
        clone = Clone(folder, self.git.url_for(name), process_environment())
        clone.set_up(self.folder, USER, self.password)
        return clone

    def pids(self) -> frozenset[int]:
        """Every process of Windlass that runs now, but for the database."""
        return frozenset().union(*(part.pids() for part in self._parts.values()))

    def pid_of(self, part: str) -> int:
        """The process of a part of Windlass, `api` or `worker`."""
        return self._parts[part].pid

    def ended_part(self) -> str | None:
        """The name of a part of Windlass that ended by itself, or None."""
        return next((name for name, part in self._parts.items() if not part.is_alive), None)

    def log_tail(self, part: str) -> str:
        """The last lines that a part of Windlass logged."""
        return self._parts[part].log_tail(10)

    def start_windlass(self) -> None:
        """Start the database, the API and the worker; on return the API answers. Harmless while
        they run. Raises Unavailable DEMO005 where it does not answer.
        """
        if self._parts:
            return
        self._postgres.start()
        extra = {**self._variables(), "WINDLASS_FILE": os.devnull}  # none of this folder's
        commands = part_commands(self.settings, extra=extra, logs=self.folder)
        self._commands = commands
        self._parts = {name: ChildProcess(command) for name, command in commands.items()}
        self._await_api()

    def kill(self, part: str) -> None:
        """Kill a part of Windlass, `api` or `worker`, as a crash would."""
        os.kill(self.pid_of(part), signal.SIGKILL)
        self._parts[part].wait(10)

    def start_again(self, part: str) -> None:
        """Start a part that ended, as `windlass up` would; on return the API answers."""
        self._parts[part] = ChildProcess(self._commands[part])
        self._await_api()

    def stop_windlass(self) -> None:
        """End the API, the worker and the database; harmless when stopped."""
        parts, self._parts = list(self._parts.values()), {}
        try:
            stop_all(parts, grace_s=20)
        finally:
            self._postgres.stop()

    def _start(self, stack: ExitStack) -> None:
        make_home(self.settings.home)
        ensure_token(self.settings.token_file)
        stack.enter_context(self.git)
        stack.callback(self.stop_windlass)
        self.start_windlass()

    def _variables(self) -> dict[str, str]:
        """The settings of the API and the worker, beside home and port."""
        return {
            "WINDLASS_BUNDLES": str(self.bundles),
            "WINDLASS_ALLOWED_HOSTS": "127.0.0.1",
            "WINDLASS_LOG_FORMAT": "json",
        }

    def _await_api(self, limit_s: float = 90) -> None:
        deadline = time.monotonic() + limit_s
        while True:
            try:
                if httpx.get(f"{self.settings.client_url}/readyz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            part = self.ended_part()
            if part or time.monotonic() > deadline:
                what = f"{part or 'api'} did not start"
                raise Unavailable("DEMO005", f"{what}:\n{self.log_tail(part or 'api')}")
            time.sleep(0.03)


class Stage(Ground):
    """The ground with a real Airflow beside it. Raises Invalid DEMO004 where there is none."""

    airflow: LocalAirflow

    def __init__(self, airflow_python: Path | None) -> None:
        self.airflow_python = find_airflow(airflow_python)
        super().__init__()
        make_home(self.settings.home)  # the release key lies there, which Airflow is told
        self._airflow_port = free_port()

    def ask(self) -> DemoAirflow:
        """Airflow's API, as its admin; closed with the stage."""
        endpoint = self.airflow.endpoint
        password = endpoint.admin_password_file.read_text()
        asked = DemoAirflow(endpoint.url, endpoint.admin_username, password)
        self._stack.callback(asked.close)
        return asked

    def pids(self) -> frozenset[int]:
        """Every process of Windlass and Airflow that runs now, but for the database."""
        return self.airflow.pids() | super().pids()

    def _start(self, stack: ExitStack) -> None:
        self.airflow = LocalAirflow(
            self.folder / "airflow",
            python=self.airflow_python,
            settings=self._airflow_settings(),
            port=self._airflow_port,
            base_env=outer_environment(),
        )
        self.airflow.prepare()
        super()._start(stack)
        stack.enter_context(self.airflow)
        self.airflow.start(deadline_s=180)

    def _variables(self) -> dict[str, str]:
        endpoint = self.airflow.endpoint
        return {
            **super()._variables(),
            "WINDLASS_AIRFLOW_URL": endpoint.url,
            "WINDLASS_AIRFLOW_USERNAME": endpoint.username,
            "WINDLASS_AIRFLOW_PASSWORD_FILE": str(endpoint.password_file),
            "WINDLASS_AIRFLOW_PYTHON": str(self.airflow_python),
        }

    def _mount(self) -> Path:
        """Where Airflow finds the store."""
        return store_of(self.settings).root

    def _airflow_settings(self) -> dict[str, str]:
        wanted = airflow_settings(
            source=Mounted(self._mount()),
            environment=self.settings.environment,
            bundles=Environment(self.settings.environment, bundles=self.bundles).pool,
            public_key=key_text(release_key_of(self.settings).public),
            storage=self.folder / "airflow" / "bundles",
        )
        return {
            **{setting.variable: setting.value for setting in wanted},
            # A sample whose DAGs wait to be switched on would teach nothing.
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        }


@dataclass(frozen=True, slots=True)
class Clone:
    """A working copy whose pushes go to the Git server with the right password."""

    folder: Path
    url: str
    env: Mapping[str, str]

    def set_up(self, room: Path, user: str, password: str) -> None:
        """Make the clone; its password lies in a file of `room` that only we can read."""
        self.folder.mkdir(parents=True)
        secret = room / "git-credentials"
        secret.touch(mode=0o600)
        secret.write_text(self.url.split("/", 3)[0] + f"//{user}:{password}@" + self._host() + "\n")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", self.url)
        self.git("config", "credential.helper", f"store --file={secret}")
        self.git("config", "user.name", "Mira")
        self.git("config", "user.email", "mira@example.org")
        self.git("config", "branch.main.remote", "origin")
        self.git("config", "branch.main.merge", "refs/heads/main")

    def commit_and_push(self, message: str, files: Mapping[str, str]) -> str:
        """Write the files, commit and push them; the new commit."""
        for path, text in files.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """What `git ARGUMENTS` prints in the clone."""
        env = {**self.env, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
        argv = ["git", "-C", str(self.folder), *arguments]
        return run_to_end(argv, env=env, timeout_s=60).strip()

    def _host(self) -> str:
        return self.url.split("/")[2]
