"""Asks Windlass over HTTPS: the index of an environment, and releases (docs/contract/origin.md).

Nothing here trusts what it is given: `unpack.py` verifies it.
"""

import http.client
import ipaddress
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from windlass_airflow.store import BundleError, bundle_error, is_release

FORMAT = 1
TIMEOUT_S = 10.0
MAX_INDEX_BYTES = 4 << 20
"""256 bundles, the most that Windlass has, take 10 KB."""


@dataclass(frozen=True, slots=True)
class Index:
    """What every bundle of an environment shows: the release id, or None for unbound."""

    environment_id: str
    keys: tuple[str, ...]
    bundles: dict[str, str | None]


class ArchiveStream:
    """An archive on its way here; what goes wrong on the way is told as `away` says it."""

    def __init__(
        self,
        answer: http.client.HTTPResponse,
        away: Callable[[Exception], BundleError],
        deadline: float,
    ) -> None:
        self._answer = answer
        self._away = away
        self._deadline = deadline

    def read(self, size: int = -1, /) -> bytes:
        try:
            if time.monotonic() > self._deadline:
                raise TimeoutError("it takes too long")
            return self._answer.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None


class OriginClient:
    """One origin. Its index is asked for over one connection, which is kept; for one thread."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._kept: http.client.HTTPConnection | None = None
        self._tag = ""

    def find_index(self, environment: str) -> Index | None:
        """The index; None where it is the one that was given before. Raises BUNDLE020."""
        headers = {"If-None-Match": self._tag} if self._tag else {}
        try:
            status, tag, content = self._ask(environment, headers)
        except (OSError, http.client.HTTPException):  # a kept connection that the other side ended
            self.close()
            try:
                status, tag, content = self._ask(environment, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise self._away(error) from None
        if status == http.client.NOT_MODIFIED:
            return None
        if status != http.client.OK:
            raise self._refused(status, content)
        index = _read_index(content, environment)
        if index is None:
            raise self._refused(status, content)
        self._tag = tag
        return index

    def forget(self) -> None:
        """Ask for the whole index next time: the last one could not be followed."""
        self._tag = ""

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def open_release(
        self, release: str, base: str | None, limit_s: float
    ) -> Iterator["ArchiveStream"]:
        """The archive of a release, to be read within so many seconds. Raises BUNDLE020, also from
        its `read`."""
        path = f"releases/{release}.tar.gz" + (f"?base={base}" if base else "")
        connection = self._connect()
        try:
            try:
                answer = self._send(connection, path, {})
                refused = answer.read(2000) if answer.status != http.client.OK else None
            except (OSError, http.client.HTTPException) as error:
                raise self._away(error) from None
            if refused is not None:
                raise self._refused(answer.status, refused)
            yield ArchiveStream(answer, self._away, time.monotonic() + limit_s)
        finally:
            connection.close()

    def _ask(self, path: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
        if self._kept is None:
            self._kept = self._connect()
        answer = self._send(self._kept, path, headers)
        content = answer.read(MAX_INDEX_BYTES)
        if answer.will_close or not answer.isclosed():
            self.close()
        return answer.status, answer.headers.get("ETag", ""), content

    def _send(
        self, connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        prefix = urlsplit(self._url).path
        told = {**headers, "Authorization": f"Bearer {self._token()}", "Connection": "keep-alive"}
        connection.request("GET", f"{prefix}/origin/v1/{path}", headers=told)
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        host = parts.hostname or ""
        if parts.scheme == "https" and host:
            return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S)
        if parts.scheme == "http" and _is_loopback(host):
            return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
        raise bundle_error(
            "BUNDLE023",
            where="url",
            wrong=f'"{self._url[:200]}" is no address of an origin',
            expected="https://HOST; http:// only for this host itself, since a token is sent",
            remedy="Correct the kwargs of this bundle.",
        )

    def _token(self) -> str:
        try:
            token = self._token_file.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            token, wrong = "", type(error).__name__
        else:
            wrong = "it is empty"
        if not token or not token.isprintable():
            raise bundle_error(
                "BUNDLE023",
                where=self._token_file,
                wrong=f"the token cannot be read ({wrong})",
                expected="a file with the content of Windlass's origin-token",
                remedy="Correct token_file in the kwargs of this bundle, or who may read the file.",
            )
        return token

    def _away(self, error: Exception) -> BundleError:
        return bundle_error(
            "BUNDLE020",
            where=self._url,
            wrong=f"Windlass cannot be reached ({type(error).__name__}: {str(error)[:200]})",
            expected="an answer",
            remedy="What is in the cache is served meanwhile, and it is asked again.",
        )

    def _refused(self, status: int, content: bytes) -> BundleError:
        return bundle_error(
            "BUNDLE020",
            where=self._url,
            wrong=f"Windlass answered with HTTP {status}: {content[:200].decode('latin-1')!a}",
            expected="an index or a release",
            remedy="Look whether url, token_file and environment are right.",
        )


def _read_index(content: bytes, environment: str) -> Index | None:
    try:
        document: dict[str, Any] = json.loads(content)
        bundles = {str(name): release for name, release in document["bundles"].items()}
        keys = tuple(key for key in document["keys"] if isinstance(key, str))
        environment_id = document["environment_id"]
        is_ours = (document["format"], document["environment"]) == (FORMAT, environment)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    good = all(
        _is_name(name) and (release is None or (isinstance(release, str) and is_release(release)))
        for name, release in bundles.items()
    )
    return Index(str(environment_id), keys, bundles) if good and is_ours else None


def _is_name(name: str) -> bool:
    """Whether it can be a file of the cache: Windlass's names of bundles are much narrower."""
    return (
        0 < len(name) <= 200 and not name.startswith(".") and "/" not in name and "\0" not in name
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
