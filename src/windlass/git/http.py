"""HTTP to Git hosts: kept-alive connections to judged addresses, bounded answers, one redirect.

It speaks no git: `lsrefs` does. Certificates are checked against the authorities of the boundary,
and where it has a proxy for the host, the connection is a tunnel of that.
"""

import http.client
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.ref import Ref, RefKind
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.git.access import BasicAuth, Boundary, Remote, way_to
from windlass.git.guard import judged_addresses
from windlass.network.authorities import explain_doubt, shown_certificate
from windlass.network.proxies import Proxy
from windlass.network.sockets import open_socket, open_tunnel, reach_proxy, secured

TIMEOUT_S = 15.0
IDLE_LIMIT_S = 240.0
"""Twice the longest keep-alive that forges are known to grant; older ones are not tried at all."""
KEPT_PER_ORIGIN = 4
DISCOVERY = "/info/refs?service=git-upload-pack"
AGENT = "git/2.39.5 (windlass)"
"""Hosts that answer by agent (GitLab, Azure DevOps) want a git."""


class Unexpected(Exception):
    """An answer that we have no use for; git shall ask."""


class TooLong(Unexpected):
    """An answer of more bytes than we take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `location` is that of a redirect."""

    status: int
    body: bytes
    kind: str = ""
    location: str | None = None
    retry_after_s: float | None = None


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was judged, whatever the name resolves to by then, or
    through the proxy that leads to the name."""

    def __init__(self, url: RemoteUrl, boundary: Boundary) -> None:
        super().__init__(url.host, url.port, timeout=TIMEOUT_S)
        self.url = url
        self._boundary = boundary
        self.used_at = time.monotonic()

    def connect(self) -> None:
        self.sock = open_connection(self.url, self._boundary)


def open_connection(
    url: RemoteUrl, boundary: Boundary, context: ssl.SSLContext | None = None
) -> socket.socket:
    """A connection to the host of an http(s) URL; to the proxy itself where that takes requests for
    it. `context` None believes the boundary's authorities.

    Raises OSError, and what `way_to` and `network.sockets` do.
    """
    way = way_to(url, boundary)
    if url.scheme == "http":
        if isinstance(way, Proxy):
            return reach_proxy(way, TIMEOUT_S)
        return open_socket(str(way[0]), url.port, TIMEOUT_S)
    if isinstance(way, Proxy):
        opened = open_tunnel(way, url.host, url.port, TIMEOUT_S)
    else:
        opened = open_socket(str(way[0]), url.port, TIMEOUT_S)
    return secured(opened, url.host, context or boundary.network.authorities.context)


def reach_host(url: RemoteUrl, boundary: Boundary) -> None:
    """Connect to the host of an http(s) or ssh URL, and hang up. Raises as
    `Connections.request` does."""
    remote = Remote(str(url), Ref(RefKind.BRANCH, "main"), None, boundary)
    try:
        if url.scheme == "ssh":
            opened = open_socket(str(judged_addresses(url, boundary.hosts)[0]), url.port, TIMEOUT_S)
        else:
            opened = open_connection(url, boundary)
    except ssl.SSLCertVerificationError as error:
        raise not_believed_at(remote, error) from None
    except OSError as error:
        words = error.strerror or type(error).__name__
        raise Unavailable("GIT006", f"{url} cannot be asked now: {words}") from error
    opened.close()


def not_believed_at(remote: Remote, error: ssl.SSLCertVerificationError) -> Invalid:
    """What to say where the certificate of the remote's host was refused; it is looked at."""

    def connect(blind: ssl.SSLContext) -> ssl.SSLSocket:
        try:
            return open_connection(remote.parsed, remote.boundary, blind)  # type: ignore[return-value]
        except AppError as away:
            raise OSError from away

    why, hint = explain_doubt(error, shown_certificate(connect))
    return doubtful(remote, why, hint)


def doubtful(remote: Remote, why: str, hint: str) -> Invalid:
    """The error of a host whose certificate is not believed."""
    return Invalid("GIT024", f"{remote.url} shows a certificate that is not believed: {why}", hint)


def find_certificate_problem(remote: Remote) -> Invalid | None:
    """What is wrong with the certificate of the remote's host; None where nothing is, or nobody
    answers."""
    try:
        open_connection(remote.parsed, remote.boundary).close()
    except ssl.SSLCertVerificationError as error:
        return not_believed_at(remote, error)
    except (OSError, AppError):
        pass
    return None


@dataclass
class Connections:
    """Idle connections by origin, a few for each; safe for threads."""

    _idle: dict[tuple[str, str, int], deque[_Pinned]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(
        self,
        remote: Remote,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        max_bytes: int,
    ) -> Answer:
        """Ask the remote's host for its path followed by `path`.

        A kept connection that turns out to be closed is replaced once. Raises Unavailable GIT006
        where the host does not answer, Invalid GIT024 where its certificate is not believed, what
        `way_to` and `network.sockets` do, Unexpected for an answer over `max_bytes` or none of
        HTTP.
        """
        url = remote.parsed
        sent = {"User-Agent": AGENT, "Accept": "*/*", **headers}
        auth = remote.opened()
        if isinstance(auth, BasicAuth):
            sent["Authorization"] = auth.header
        target = url.path + path
        proxy = remote.boundary.network.proxy_for(url.scheme, url.host)
        if proxy and url.scheme == "http":  # it is the proxy that reads the request
            target = f"{url}{path}"
            sent |= {"Proxy-Authorization": proxy.header} if proxy.header else {}
        connection = self._take(url)
        try:
            if connection is not None:
                try:
                    return self._ask(connection, method, target, sent, body, max_bytes)
                except (OSError, http.client.HTTPException):
                    connection.close()  # the host closed it meanwhile
            connection = _Pinned(url, remote.boundary)
            return self._ask(connection, method, target, sent, body, max_bytes)
        except ssl.SSLCertVerificationError as error:
            raise not_believed_at(remote, error) from None
        except OSError as error:
            words = error.strerror or type(error).__name__
            raise Unavailable("GIT006", f"{remote.url} cannot be asked now: {words}") from error
        except http.client.HTTPException as error:
            raise Unexpected(type(error).__name__) from error

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            for kept in self._idle.values():
                for connection in kept:
                    connection.close()
            self._idle.clear()

    def _ask(  # noqa: PLR0917
        self,
        connection: _Pinned,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        max_bytes: int,
    ) -> Answer:
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            content = _bounded(response, max_bytes)
            found = response.headers
            answer = Answer(
                response.status,
                content,
                found.get("Content-Type", ""),
                found.get("Location"),
                _seconds(found.get("Retry-After")),
            )
        except BaseException:
            connection.close()
            raise
        if response.isclosed() and not response.will_close:
            self._keep(connection)
        else:
            connection.close()
        return answer

    def _take(self, url: RemoteUrl) -> _Pinned | None:
        oldest = time.monotonic() - IDLE_LIMIT_S
        with self._lock:
            kept = self._idle.get(url.origin)
            while kept:
                connection = kept.pop()  # the one used last
                if connection.used_at > oldest:
                    return connection
                connection.close()
        return None

    def _keep(self, connection: _Pinned) -> None:
        connection.used_at = time.monotonic()
        with self._lock:
            kept = self._idle.setdefault(connection.url.origin, deque())
            kept.append(connection)
            spare = kept.popleft() if len(kept) > KEPT_PER_ORIGIN else None
        if spare:
            spare.close()


def find_redirect(remote: Remote) -> RemoteUrl:
    """Where GET info/refs of the remote leads to, one step away and judged like any URL.

    Raises Unavailable GIT006 where that is nowhere that git could go.
    """
    connections = Connections()
    try:
        answer = connections.request(remote, "GET", DISCOVERY, headers={}, max_bytes=100_000)
        target = redirect_target(remote, answer)
    except Unexpected:
        target = None
    finally:
        connections.close()
    if target is None:
        raise Unavailable("GIT006", f"{remote.url} sends git elsewhere, and that is no repository")
    way_to(target, remote.boundary)
    return target


def redirect_target(remote: Remote, answer: Answer) -> RemoteUrl | None:
    """The repository that a redirect of GET info/refs names; None where it names none, or would
    give up encryption."""
    if answer.status not in (301, 302, 307, 308) or not answer.location:
        return None
    url = remote.parsed
    place, found, _ = urljoin(f"{url}{DISCOVERY}", answer.location).rpartition("/info/refs")
    if not found:
        return None
    try:
        target = parse_remote_url(place)
    except Invalid:
        return None
    allowed = ("https",) if url.scheme == "https" else ("https", "http")
    return target if target.scheme in allowed and target != url else None


def _bounded(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    content = response.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise TooLong("the answer is too long")
    return content


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is not read (RFC 9110, 10.2.3)."""
    return float(text) if text and text.isascii() and text.isdecimal() else None
