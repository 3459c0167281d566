"""Serves the API on 127.0.0.1."""

import os
import secrets
from pathlib import Path

import uvicorn

from windlass.app import build_context, open_database, prepare
from windlass.domain.errors import Invalid
from windlass.entrypoints.web.api import create_api
from windlass.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests that run then are answered first."""
    database = open_database(settings)
    context = build_context(settings, database)
    prepare(settings, context)
    api = create_api(
        context,
        token=ensure_token(settings.token_file),
        environment=settings.environment,
        sync_interval=settings.sync_interval,
    )
    config = uvicorn.Config(
        api,
        host="127.0.0.1",
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run()
    database.close()


def ensure_token(path: Path) -> str:
    """The API token of the file, made with mode 0600 where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(fd, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    token = path.read_text().strip()
    if not token:
        raise Invalid(
            "CFG004",
            f"the API token file {str(path)!r} is empty",
            "Delete it; a new one is made at the next start.",
        )
    return token
