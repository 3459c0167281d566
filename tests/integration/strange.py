"""A server in Airflow's place whose answers a test chooses, since a real Airflow cannot be made to
misbehave so. What a real one says is in tests/acceptance."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = Callable[[str, dict[str, str]], Any]


@dataclass
class Strange:
    """A server whose answer to each GET, and POST but for tokens, is what `answer(path, query)`
    gives: an int is a status, bytes are sent as they are, all else as JSON. `calls` are those GETs.
    `date` is what its clock says, where that is not the time. `delete` is given what a DELETE is
    for, and gives its status."""

    url: str = ""
    answer: Answer = lambda path, query: {}
    token: Any = field(default_factory=lambda: {"access_token": "t"})
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    parsed: list[str] = field(default_factory=list)
    date: str | None = None
    delete: Callable[[str], int] = lambda dag_id: 404


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Strange]:
    """Serve until the end of the block, by TLS where there is a context for it."""
    told = Strange()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            told.calls.append((parts.path, query))
            self._reply(told.answer(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/auth/token":
                self._reply(told.token)
            else:
                self._reply(told.answer(self.path, json.loads(body)))

        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(told.answer(self.path, json.loads(body)))

        def do_PUT(self) -> None:
            told.parsed.append(self.path.rpartition("/")[2])
            self._reply(None)

        def do_DELETE(self) -> None:
            self.send_response_only(told.delete(self.path.rpartition("/")[2]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _reply(self, body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response_only(body if isinstance(body, int) else 200)
            self.send_header("Date", told.date or self.date_time_string())
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    told.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
