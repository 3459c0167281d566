"""Serves the API on 127.0.0.1."""

import uvicorn

from windlass.app import build_context, open_database, prepare
from windlass.artifacts.archive import Archives
from windlass.entrypoints.processes import check_port
from windlass.entrypoints.web.api import create_api
from windlass.entrypoints.web.origin import origin_router
from windlass.home import ensure_token
from windlass.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests that run then are answered first. Invalid CFG005
    where another process has the port."""
    check_port(settings.api_port)
    database, metrics = open_database(settings), settings.metrics_token_file
    context = build_context(settings, database)
    prepare(settings, context)
    api = create_api(
        context,
        token=ensure_token(settings.token_file),
        environment=settings.environment,
        sync_interval=settings.sync_interval,
        metrics_token=ensure_token(metrics) if metrics else None,
    )
    archives = Archives(settings.home / "archives", context.store)
    api.include_router(origin_router(context.store, archives, ensure_token(settings.origin_token)))
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
