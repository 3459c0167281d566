"""Airflow's REST API v2 (Airflow 3.1 to 3.3): the few calls that Windlass needs.

Tolerant of fields it does not know. One client per environment; any number of threads.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.observation import SeenDag, SeenImportError
from windlass.domain.text import plain

_PAGE = 100  # Airflow's [api] maximum_page_limit as it comes; it may be set lower


class AirflowClient:
    """Speaks to one Airflow as one user; its token is fetched and renewed as needed.

    Every call raises Unavailable AIR001 where Airflow is away or fails, Invalid AIR002 where it
    refuses the user, AIR003 where it refuses the call, Unavailable AIR004 where its answer is not
    one of Airflow's, such as a proxy's page.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._username = username
        self._password = password
        self._token: str | None = None
        self._token_lock = threading.Lock()
        # Never through a proxy or to a redirect: the password and the token go along.
        self._http = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def list_dags(self, bundle: str) -> list[SeenDag]:
        """The DAGs of a bundle that Airflow shows: present in its files, paused or not."""
        query = {"bundle_name": bundle, "exclude_stale": "true", "order_by": "dag_id"}
        with self._reading("/api/v2/dags"):
            return [_dag(row) for row in self._pages("/api/v2/dags", "dags", query)]

    def list_import_errors(self, bundle: str) -> list[SeenImportError]:
        """The import errors of a bundle, each once."""
        query = {"bundle_name": bundle, "order_by": "import_error_id"}
        with self._reading("/api/v2/importErrors"):
            rows = self._pages("/api/v2/importErrors", "import_errors", query)
            # Airflow 3.1 and 3.2 have no bundle_name filter here, so we filter. They also count
            # an error once for each DAG of its file: pages overlap then, and we keep one of each.
            mine = (_import_error(row) for row in rows if row.get("bundle_name") == bundle)
            return list(dict.fromkeys(mine))

    def parse_file(self, file_token: str) -> None:
        """Ask the processor to parse a file next; this refreshes its whole bundle first."""
        self._call("PUT", f"/api/v2/parseDagFile/{quote(file_token, safe='')}", ok={404, 409})

    def version(self) -> str:
        """Airflow's version, such as `3.3.2`."""
        with self._reading("/api/v2/version"):
            return _text(self._call("GET", "/api/v2/version").json()["version"])

    def close(self) -> None:
        """Close kept-alive connections."""
        self._http.close()

    def _pages(self, path: str, key: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = {**query, "limit": str(_PAGE), "offset": str(offset)}
            body = self._call("GET", path, query=page).json()
            rows = body[key]
            yield from rows
            offset += len(rows)  # not _PAGE: Airflow gives fewer where its limit is lower
            if not rows or offset >= body["total_entries"]:
                return

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        ok: set[int] | None = None,
    ) -> httpx.Response:
        for fresh in (False, True):
            token = self._get_token(renew=fresh)
            headers = {"Authorization": f"Bearer {token}"}
            response = self._send(method, path, params=query, json=body, headers=headers)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
        if response.is_success or response.status_code in (ok or ()):
            return response
        if response.is_server_error:
            raise self._away(f"it answers {response.status_code} to {method} {path}")
        raise Invalid(
            "AIR003",
            f"Airflow at {self.url} refuses {method} {path} for {self._username!r}: "
            f"{response.status_code}",
            "The user needs to read DAGs and import errors, and to parse (role user).",
        )

    def _get_token(self, *, renew: bool) -> str:
        """The token at hand, or a new one: POST /auth/token (AIP-79 auth managers)."""
        with self._token_lock:
            if self._token is None or renew:
                login = {"username": self._username, "password": self._password}
                response = self._send("POST", "/auth/token", json=login)
                if response.is_server_error:
                    raise self._away(f"it answers {response.status_code} to a sign-in")
                if not response.is_success:
                    raise Invalid(
                        "AIR002",
                        f"Airflow at {self.url} refuses the user {self._username!r}: "
                        f"{response.status_code}",
                        "Check WINDLASS_AIRFLOW_USERNAME and WINDLASS_AIRFLOW_PASSWORD_FILE.",
                    )
                with self._reading("/auth/token"):
                    self._token = _text(response.json()["access_token"])
                    self._token.encode("ascii")  # as a header must be
            return self._token

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._away(str(error) or type(error).__name__) from error

    @contextmanager
    def _reading(self, path: str) -> Iterator[None]:
        """Say Unavailable AIR004 where an answer has not the shape that Airflow gives it."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Unavailable(
                "AIR004",
                f"what answers {path} at {self.url} is not understood as Airflow: {error!r:.200}",
                "Is WINDLASS_AIRFLOW_URL right, and does a proxy answer in Airflow's place?",
                retry_after_s=5,
            ) from error

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            "AIR001",
            f"Airflow at {self.url} does not answer: {why}",
            "Is its api-server running, and WINDLASS_AIRFLOW_URL right?",
            retry_after_s=5,
        )


def _dag(row: dict[str, Any]) -> SeenDag:
    version = row.get("bundle_version")
    return SeenDag(
        _text(row["dag_id"]),
        None if version is None else _text(version),
        _text(row.get("relative_fileloc") or ""),
        _text(row.get("file_token") or ""),
        _parse_began_at(row),
    )


def _import_error(row: dict[str, Any]) -> SeenImportError:
    return SeenImportError(
        _text(row["filename"]), _time(row["timestamp"]), _text(row["stack_trace"])
    )


def _text(value: object) -> str:
    """Text that can be stored and shown; TypeError for anything else than text."""
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    return plain(value, block=True)


def _parse_began_at(row: dict[str, Any]) -> datetime | None:
    finished, duration_s = row.get("last_parsed_time"), row.get("last_parse_duration")
    if finished is None or duration_s is None:
        return None
    return _time(finished) - timedelta(seconds=duration_s)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
