"""One HTTP exchange within bounds: so many bytes, and so many seconds for all of it.

A time limit of httpx is for each read: who sends one byte every few seconds holds a thread for as
long as they like.
"""

import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

import httpx


class TooLong(httpx.HTTPError):
    """The answer has more bytes than are read."""


def bounded_request(  # what a request is made of
    client: httpx.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    limit_s: float,
    max_bytes: int,
) -> httpx.Response:
    """The answer with its whole body. Raises TooLong, httpx.ReadTimeout where it takes longer than
    `limit_s` in all, and what the client raises."""
    cutter = _Cutter()
    timer = threading.Timer(limit_s, cutter.cut)
    timer.daemon = True
    timer.start()
    try:
        with client.stream(
            method,
            url,
            headers=headers,
            params=params,
            json=json,
            extensions={"trace": cutter.trace},
        ) as answer:
            content = bytearray()
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > max_bytes:
                    raise TooLong("the answer is too long")
    except httpx.TransportError:
        if cutter.has_cut:
            raise httpx.ReadTimeout("the answer took too long") from None
        raise
    finally:
        timer.cancel()
        cutter.close()
    if cutter.has_cut:  # a body without a length looks whole when it is cut
        raise httpx.ReadTimeout("the answer took too long")
    return httpx.Response(
        answer.status_code, headers=_plain(answer.headers), content=bytes(content)
    )


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Without those that are about the body as it came: it is decoded."""
    gone = ("content-encoding", "content-length", "transfer-encoding")
    return [(name, value) for name, value in headers.multi_items() if name not in gone]


class _Cutter:
    """Knows the socket of an exchange, by a duplicate of its own, and can cut it from any thread:
    whoever reads from it then meets its end."""

    def __init__(self) -> None:
        self.has_cut = False
        self._lock = threading.Lock()
        self._twin: socket.socket | None = None

    def trace(self, event: str, told: Mapping[str, Any]) -> None:
        """httpcore, "trace": called at each step of a request, with what it gave."""
        if not event.endswith("connect_tcp.complete"):
            return
        opened = told["return_value"].get_extra_info("socket")
        with self._lock:
            self._drop()
            self._twin = socket.socket(fileno=os.dup(opened.fileno()))
            if self.has_cut:
                self._shut()

    def cut(self) -> None:
        with self._lock:
            self.has_cut = True
            self._shut()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _shut(self) -> None:
        if self._twin is not None:
            try:
                self._twin.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed by the other side
                return

    def _drop(self) -> None:
        if self._twin is not None:
            self._twin.close()
            self._twin = None
