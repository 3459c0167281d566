"""Connections: to an address, or to a host through a proxy's tunnel."""

import re
import socket
import ssl

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.text import plain
from windlass.network.proxies import Proxy

_REPLY_BYTES = 16_384
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]{0,200}))?")


def open_socket(address: str, port: int, timeout_s: float) -> socket.socket:
    """A connection to an address. Raises OSError."""
    opened = socket.create_connection((address, port), timeout_s)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def reach_proxy(proxy: Proxy, timeout_s: float) -> socket.socket:
    """A connection to the proxy itself; Unavailable NET001 where there is none."""
    try:
        return open_socket(proxy.host, proxy.port, timeout_s)
    except OSError as error:
        raise no_answer(proxy, error.strerror or type(error).__name__) from error


def open_tunnel(proxy: Proxy, host: str, port: int, timeout_s: float) -> socket.socket:
    """A connection to a host through the proxy, which resolves its name (RFC 9110, 9.3.6).

    Raises Unavailable NET001 where the proxy does not answer, NET004 where it does not reach the
    host, Invalid NET002 where it wants another login, NET003 where it forbids the host.
    """
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.header:
        lines.append(f"Proxy-Authorization: {proxy.header}")
    opened = reach_proxy(proxy, timeout_s)
    try:
        opened.sendall("\r\n".join([*lines, "", ""]).encode())
        status, words = _read_reply(opened)
    except (OSError, ValueError) as error:
        opened.close()
        raise no_answer(proxy, str(error) or type(error).__name__) from error
    if status == 200:
        return opened
    opened.close()
    raise refused(proxy, place, status, words)


def no_answer(proxy: Proxy, why: str) -> Unavailable:
    """The proxy is away."""
    return Unavailable(
        "NET001",
        f"the proxy {proxy} does not answer: {why}",
        "Is it running, and is its address in WINDLASS_HTTPS_PROXY or WINDLASS_HTTP_PROXY right?",
    )


def refused(proxy: Proxy, place: str, status: int, words: str = "") -> AppError:
    """What a status of the proxy's own means."""
    if status == 407:
        what = "refuses the login" if proxy.username else "wants a login"
        return Invalid(
            "NET002",
            f"the proxy {proxy} {what} (407)",
            "Put USER:PASSWORD into a file and name it in WINDLASS_PROXY_LOGIN_FILE; the proxy "
            "must take basic authentication.",
        )
    said = f"{status} {plain(words)}".strip()
    if status >= 500:
        return Unavailable("NET004", f"the proxy {proxy} does not reach {place}: it says {said}")
    return Invalid(
        "NET003",
        f"the proxy {proxy} does not let us reach {place}: it says {said}",
        "Have its operator allow that host; or name the host in WINDLASS_NO_PROXY if it can be "
        "reached without the proxy.",
    )


def secured(opened: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS over a connection. Raises OSError, and closes the connection then."""
    try:
        return context.wrap_socket(opened, server_hostname=host)
    except BaseException:
        opened.close()
        raise


def _read_reply(opened: socket.socket) -> tuple[int, str]:
    """Status and reason of the proxy's reply, up to its blank line and not a byte further: what
    comes next is the host's. Raises ValueError for anything else."""
    reply = b""
    while not reply.endswith(b"\r\n\r\n"):
        piece = opened.recv(1)
        if not piece:
            raise ValueError("it hung up")
        reply += piece
        if len(reply) > _REPLY_BYTES:
            raise ValueError("its reply is too long")
    found = _STATUS.match(reply)
    if found is None:
        raise ValueError("its reply is not one of HTTP")
    return int(found[1]), (found[2] or b"").decode("latin-1")
