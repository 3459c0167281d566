"""`windlass up`: the database, the API and the worker, as one supervised whole."""

import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

from windlass.app import embedded_postgres
from windlass.entrypoints.logs import configure_logs
from windlass.entrypoints.processes import Command, supervise
from windlass.entrypoints.web.server import ensure_token
from windlass.settings import Settings, process_environment

log = structlog.get_logger()


def run_up(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Nothing it started is left running."""
    configure_logs(settings.log_format, "up")
    settings.home.mkdir(parents=True, exist_ok=True)
    ensure_token(settings.token_file)
    postgres = None if settings.database_url else embedded_postgres(settings)
    try:
        if postgres is not None:
            postgres.start()
        log.info(
            "process:started",
            url=settings.client_url,
            home=str(settings.home),
            token_file=str(settings.token_file),
        )
        return supervise(part_commands(settings), on_event=_tell)
    finally:
        if postgres is not None:
            postgres.stop()


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


def _tell(name: str, /, **facts: object) -> None:
    log.info(name, **facts)
