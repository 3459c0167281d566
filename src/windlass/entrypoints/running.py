"""`windlass up`: the database, the API and the worker, as one supervised whole."""

import fcntl
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from windlass.domain.errors import Invalid
from windlass.domain.events import Event
from windlass.entrypoints.logs import configure_logs
from windlass.entrypoints.processes import Command, check_port, ended_by_sigterm, supervise
from windlass.home import RUNNING, check_database, embedded_postgres, ensure_token, make_home
from windlass.settings import Settings, describe_settings, process_environment

if TYPE_CHECKING:
    from windlass.entrypoints.up_airflow import AirflowBeside  # late: memory for ever

log = structlog.get_logger()


def run_up(settings: Settings, beside: "AirflowBeside | None" = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Nothing it started is left running. `beside` is
    the Airflow that runs with it.

    Raises Invalid CFG005 where another process has the port, CFG006 where one has the home, and
    what `check_database` and `beside.prepare` raise.
    """
    check_port(settings.api_port)
    configure_logs(settings.log_format, "up")
    make_home(settings.home)
    check_database(settings)
    ensure_token(settings.token_file)
    postgres = None if settings.database_url else embedded_postgres(settings)
    alone = be_alone(settings.home)
    try:
        with ended_by_sigterm():
            if postgres is not None:
                postgres.start()
            if beside is not None:
                beside.prepare()
        log.info(
            Event.PROCESS_STARTED,
            url=settings.client_url,
            home=str(settings.home),
            token_file=str(settings.token_file),
        )
        extra = beside.variables() if beside else {}
        alone.truncate(0)  # what one that was killed left
        alone.write(json.dumps(describe_settings(settings, extra)).encode())
        alone.flush()
        commands = part_commands(settings, extra=extra)
        # A server that was killed is started again; one that runs costs a look at its socket.
        looks = [one for one in (postgres and postgres.start, beside and beside.look) if one]
        return supervise(
            {**commands, **(beside.commands() if beside else {})},
            on_event=_tell,
            on_tick=lambda: [look() for look in looks],
        )
    finally:
        alone.truncate(0)
        if postgres is not None:
            postgres.stop()
        alone.close()


def part_commands(
    settings: Settings, *, extra: Mapping[str, str] | None = None, logs: Path | None = None
) -> dict[str, Command]:
    """The commands of the API and the worker, with the flags of `up` in their environment.

    `extra` are further variables. With `logs` each writes to a file of its name there.
    """
    env = {
        **process_environment(),
        "WINDLASS_HOME": str(settings.home),
        "WINDLASS_API_PORT": str(settings.api_port),
        **(extra or {}),
    }
    return {
        part: Command(
            argv=[sys.executable, "-m", "windlass", part],
            env=env,
            log_path=logs / f"{part}.log" if logs else None,
        )
        for part in ("api", "worker")
    }


def be_alone(home: Path) -> IO[bytes]:
    """Keep the home to ourselves until the file is closed: of two that share a database server,
    the first to end would stop it for both."""
    file = (home / RUNNING).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise Invalid(
            "CFG006",
            f"another `windlass up` runs in {str(home)!r}",
            "Stop it first, or set WINDLASS_HOME to a folder of its own.",
        ) from error
    return file


def _tell(name: str, /, **facts: object) -> None:
    log.info(name, **facts)
