"""A real HTTP proxy on 127.0.0.1: tunnels and plain requests, a password, names of its own, and
faults."""

import base64
import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from windlass.network.proxies import Proxy

USERNAME, PASSWORD = "ops", "p@ss/w:rd é"


@dataclass
class LocalProxy:
    """Counts what it was asked in `asked`, as `CONNECT host:port` and `GET host:port`. `names` are
    hosts that only it can resolve → where they are. `cut_after` ends a tunnel after so many bytes
    for the client."""

    port: int
    password: str | None = PASSWORD
    names: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut_after: int | None = None
    status: int = 200

    @property
    def proxy(self) -> Proxy:
        return Proxy("127.0.0.1", self.port, USERNAME, PASSWORD)


@contextlib.contextmanager
def proxying() -> Iterator[LocalProxy]:
    """Serve until the end of the block."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                _serve(told, self.request)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        told = LocalProxy(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


def _serve(told: LocalProxy, client: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (piece := client.recv(1)):
            return
        head += piece
    first, *headers = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    place = target if method == "CONNECT" else urlsplit(target).netloc
    told.asked.append(f"{method} {place}")
    if told.password is not None and not _knows(headers, told.password):
        client.sendall(
            b"HTTP/1.1 407 Proxy Authentication Required\r\n"
            b'Proxy-Authenticate: Basic realm="out"\r\nContent-Length: 0\r\n\r\n'
        )
        return
    if told.status != 200:
        client.sendall(f"HTTP/1.1 {told.status} No\r\nContent-Length: 0\r\n\r\n".encode())
        return
    host, _, port = place.rpartition(":")
    with socket.create_connection((told.names.get(host, host), int(port)), 5) as upstream:
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = urlsplit(target)._replace(scheme="", netloc="").geturl()
            kept = [line for line in headers if not line.lower().startswith("proxy-")]
            upstream.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *kept]).encode("latin-1"))
        _relay(client, upstream, told.cut_after)


def _knows(headers: list[str], password: str) -> bool:
    pair = base64.b64encode(f"{USERNAME}:{password}".encode()).decode()
    return f"Proxy-Authorization: Basic {pair}" in headers


def _relay(client: socket.socket, upstream: socket.socket, cut_after: int | None) -> None:
    passed = 0
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_READ, upstream)
        selector.register(upstream, selectors.EVENT_READ, client)
        while True:
            for key, _ in selector.select(5):
                piece = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                if not piece:
                    return
                if key.data is client:
                    passed += len(piece)
                    if cut_after is not None and passed > cut_after:
                        return
                key.data.sendall(piece)
