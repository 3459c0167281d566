"""The API as uvicorn serves it, and the command line before it."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from windlass.engine.context import Context
from windlass.entrypoints.cli.main import app
from windlass.entrypoints.web.api import create_api

TOKEN = "a-token"


def api_over(context: Context) -> FastAPI:
    return create_api(context, token=TOKEN, environment="default", sync_interval="60s")


@contextlib.contextmanager
def client_of(api: FastAPI) -> Iterator[httpx.Client]:
    """A client of the API as uvicorn serves it."""
    config = uvicorn.Config(api, port=0, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join()


@contextlib.contextmanager
def command_line(context: Context, room: Path) -> Iterator["CommandLine"]:
    """The `windlass` command beside an API over `context`."""
    (room / "api-token").write_text(TOKEN)
    with client_of(api_over(context)) as client:
        yield CommandLine({"WINDLASS_HOME": str(room), "WINDLASS_API_URL": str(client.base_url)})


class CommandLine:
    """Runs commands in this process; an AppError is the result's `exception`."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env | {"COLUMNS": "200"}

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin, env=self.env)

    def say(self, *arguments: str, stdin: str | None = None) -> list[str]:
        """The lines that a command prints, which must succeed."""
        result = self.run(*arguments, stdin=stdin)
        if result.exception:
            raise result.exception
        return result.stdout.splitlines()
