"""A Git host for the demo and tests: bare repositories over smart HTTP, on 127.0.0.1 only.

git's own `git http-backend` does the work; this is the web server around it (CGI, RFC 3875), with
passwords and faults, by TLS where that is wanted. Not for production: one user.
"""

import base64
import hmac
import re
import socket
import ssl
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast
from urllib.parse import parse_qs, unquote, urlsplit

from windlass.domain.errors import Invalid
from windlass.entrypoints.processes import piped, run_to_end

SERVICES = ("git-upload-pack", "git-receive-pack")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
"""No empty, hidden or `..` part can match. At most 200 characters are looked at."""
PIECE_BYTES = 64 * 1024
DRAIN_BYTES = 1024 * 1024
"""An unread request body up to this size is read to keep the connection; else it is closed."""
GZIP_MAGIC = b"\x1f\x8b"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close sends RST instead of FIN (socket(7))."""


@dataclass(frozen=True, slots=True)
class _Repository:
    folder: Path
    private: bool


class GitHttpServer:
    """Serves the repositories made by `create_repository` from its start to its end as a context.

    A private repository asks for the one user's password for everything, another one for pushes.
    Of `env` only PATH is used. Port 0 takes a free one, kept over `offline`.
    """

    def __init__(
        self,
        root: Path,
        *,
        username: str,
        password: str,
        env: Mapping[str, str],
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._root = root.resolve()
        self._port = port
        self._tls = tls
        self._site = _Site(username, password, env.get("PATH", "/usr/bin:/bin"))
        self._web: _WebServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.online()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.offline()

    @property
    def requests(self) -> Counter[str]:
        """Count requests so far by kind.

        "refs" and "push-refs" are GET info/refs; "ls-refs" and "fetch" the commands of protocol v2
        (a v0 fetch is "fetch"); then "push", "denied" (401) and "unknown" (404).
        """
        return self._site.requests

    def set_login(
        self, username: str, password: str, answer: HTTPStatus = HTTPStatus.OK, words: str = ""
    ) -> None:
        """Give another login an answer to everything it asks of private repositories: OK lets it
        in as the first one; any other is given with these words."""
        self._site.set_login(username, password, answer, words)

    def create_repository(self, name: str, *, private: bool) -> Path:
        """Make an empty bare repository with branch `main`, or serve the one that is there.

        `name` may have folders ("team/etl") and no ".git". Raises Invalid (DEMO002) on any other.
        """
        if len(name) > 200 or not NAME.fullmatch(name) or ".git" in name:
            raise Invalid("DEMO002", f"{name!r} is no repository name.", "Use a-z, 0-9, - and _.")
        folder = self._root / f"{name}.git"
        if not (folder / "HEAD").exists():
            init = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)]
            run_to_end(init, env=self._site.git_env(), timeout_s=30)
        self._site.repositories[name] = _Repository(folder, private)
        return folder

    def url_for(self, name: str) -> str:
        """Return the clone URL, without credential; whether the name exists is not looked at."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}/{name}.git"

    def offline(self, *, cut: bool = False) -> None:
        """Drop all connections and take no new ones: they are refused, or with `cut` reset."""
        web, thread, self._web, self._thread = self._web, self._thread, None, None
        if web is not None and thread is not None:
            web.shutdown()
            web.server_close()
            thread.join()
        if cut:
            self._serve(_CuttingServer)

    def online(self) -> None:
        """Serve, on the same port as before; harmless when online."""
        if self._web is None or isinstance(self._web, _CuttingServer):
            self.offline()
            self._serve(_WebServer)

    def _serve(self, kind: "type[_WebServer]") -> None:
        self._web = kind(("127.0.0.1", self._port), self._site, self._tls)
        self._port = self._web.server_port
        self._thread = threading.Thread(
            target=self._web.serve_forever, kwargs={"poll_interval": 0.02}, name="git-http"
        )
        self._thread.start()


class _Site:
    """What outlives `offline`: the repositories, who may use them, and what was asked."""

    def __init__(self, username: str, password: str, path: str) -> None:
        self.repositories: dict[str, _Repository] = {}
        self.requests: Counter[str] = Counter()
        self.username = username
        self._logins: dict[bytes, tuple[HTTPStatus, str]] = {}
        self.set_login(username, password, HTTPStatus.OK, "")
        self._path = path
        self._counting = threading.Lock()

    def set_login(self, username: str, password: str, answer: HTTPStatus, words: str) -> None:
        self._logins[base64.b64encode(f"{username}:{password}".encode())] = (answer, words)

    def count(self, kind: str) -> None:
        with self._counting:
            self.requests[kind] += 1

    def answer(
        self, repository: _Repository, service: str, authorization: str
    ) -> tuple[HTTPStatus, str]:
        """Say whether this request may go on; compares in constant time."""
        if not repository.private and service != "git-receive-pack":
            return HTTPStatus.OK, ""
        scheme, _, credential = authorization.partition(" ")
        for known, answer in self._logins.items():
            if scheme.lower() == "basic" and hmac.compare_digest(
                credential.strip().encode(), known
            ):
                return answer
        return HTTPStatus.UNAUTHORIZED, ""

    def git_env(self) -> dict[str, str]:
        """Return an environment in which git reads no configuration but the repository's own.

        Any owner is safe since only repositories we know get here; naming the folder instead does
        not work before git 2.46, which compares it with ".".
        """
        return {
            "PATH": self._path,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "http.receivepack",
            "GIT_CONFIG_VALUE_1": "true",
        }


class _WebServer(ThreadingHTTPServer):
    """Knows its open connections, so that it can drop them and join their threads."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], site: _Site, tls: ssl.SSLContext | None = None
    ) -> None:
        self.site = site
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's look-up of the host's name, which may ask a name server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(cast("tuple[str, int]", self.server_address))
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[Any, Any]:
        """A connection; its handshake is the handler's, so that no client keeps others waiting."""
        request, address = super().get_request()
        if self._tls:
            request = self._tls.wrap_socket(
                request, server_side=True, do_handshake_on_connect=False
            )
        return request, address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client or `offline` dropped the connection: both are ordinary."""


class _CuttingServer(_WebServer):
    """Takes every connection and resets it."""

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.close()
        return False


class _Handler(BaseHTTPRequestHandler):
    """One connection; HTTP/1.1, so that it serves any number of requests."""

    server: _WebServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the inherited name
        """Keep quiet: the owner counts requests instead."""

    def _answer(self) -> None:
        site = self.server.site
        self._body = _Body(self.rfile, self.headers)
        name, path, service = _parse_target(self.command, self.path)
        repository = site.repositories.get(name)
        if repository is None or service is None:
            site.count("unknown")
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        status, words = site.answer(repository, service, self.headers.get("Authorization", ""))
        if status is HTTPStatus.OK:
            self._run_backend(repository, path, service)
        else:
            site.count("denied")
            self._refuse(status, words)

    def _refuse(self, status: HTTPStatus, words: str = "") -> None:
        self.close_connection = not self._body.drain() or self.close_connection
        self.send_response(status)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Type", "text/plain")  # what git shows to people
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words.encode("ascii"))

    def _run_backend(self, repository: _Repository, path: str, service: str) -> None:
        pieces = iter(self._body)
        first = next(pieces, b"")
        self.server.site.count(_kind(self.command, service, first))
        env = self._cgi_env(repository.folder, path)
        with piped(["git", "http-backend"], env=env) as backend:
            assert backend.stdin is not None
            assert backend.stdout is not None
            feeder = threading.Thread(
                target=_feed, args=(backend.stdin, chain([first], pieces)), name="git-http-body"
            )
            feeder.start()
            try:
                self._relay(backend.stdout)
            finally:
                backend.kill()
                if feeder.is_alive():  # its read of the rest ends with the connection's own
                    self.close_connection = True
                    with suppress(OSError):
                        self.connection.shutdown(socket.SHUT_RD)
                feeder.join()

    def _relay(self, output: IO[bytes]) -> None:
        headers = dict(_cgi_headers(output))
        status = int(headers.pop("Status", "200" if headers else "500").split()[0])
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        chunked = "Content-Length" not in headers
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := cast("Any", output).read1(PIECE_BYTES):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _cgi_env(self, folder: Path, path: str) -> dict[str, str]:
        optional = {
            "CONTENT_TYPE": self.headers.get("Content-Type"),
            "CONTENT_LENGTH": self.headers.get("Content-Length"),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol"),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding"),
        }
        return {
            **self.server.site.git_env(),
            **{name: value for name, value in optional.items() if value is not None},
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_TRANSLATED": f"{folder}/{path}",
            "QUERY_STRING": urlsplit(self.path).query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": self.server.site.username,
            "REQUEST_METHOD": self.command,
        }


class _Body:
    """A request's body in pieces, whichever way its length is told (RFC 9112, section 6)."""

    def __init__(self, source: BufferedIOBase, headers: Message) -> None:
        self._source = source
        self._chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        length = headers.get("Content-Length", "0")
        self._left = int(length) if length.isdecimal() else 0

    def __iter__(self) -> Iterator[bytes]:
        if not self._chunked:
            yield from self._exactly(self._left)
            return
        while size := int(self._source.readline(64).partition(b";")[0], 16):
            yield from self._exactly(size)
            self._source.readline(8)
        while self._source.readline(8192).strip():
            pass

    def drain(self) -> bool:
        """Read and forget a body of bounded size; False when there was more."""
        size = 0
        for piece in self:
            size += len(piece)
            if size > DRAIN_BYTES:
                return False
        return True

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size > 0:
            piece = self._source.read(min(size, PIECE_BYTES))
            if not piece:
                raise ConnectionError("the request ended before its body")
            size -= len(piece)
            yield piece


def _feed(backend: IO[bytes], pieces: Iterator[bytes]) -> None:
    # the backend may end before it read all, the client may go away, or chunk sizes be nonsense
    with suppress(OSError, ValueError), backend:
        for piece in pieces:
            backend.write(piece)


def _cgi_headers(output: IO[bytes]) -> Iterator[tuple[str, str]]:
    while line := output.readline(8192).strip():
        name, _, value = line.decode("latin-1").partition(":")
        yield name, value.strip()


def _parse_target(method: str, target: str) -> tuple[str, str, str | None]:
    """Return repository name, path inside it and service; service None for all but smart HTTP.

    The name is a key to look up, never a path.
    """
    parts = urlsplit(target)
    name, found, path = unquote(parts.path).lstrip("/").partition(".git/")
    asked = parse_qs(parts.query).get("service", [""])[0]
    if found and method == "GET" and path == "info/refs" and asked in SERVICES:
        return name, path, asked
    if found and method == "POST" and path in SERVICES:
        return name, path, path
    return name, path, None


def _kind(method: str, service: str, first_piece: bytes) -> str:
    if service == "git-receive-pack":
        return "push-refs" if method == "GET" else "push"
    if method == "GET":
        return "refs"
    if first_piece.startswith(GZIP_MAGIC):  # git packs a request over 1 KB (remote-curl.c)
        first_piece = zlib.decompressobj(wbits=31).decompress(first_piece, 64)
    return "ls-refs" if first_piece[4:].startswith(b"command=ls-refs") else "fetch"
