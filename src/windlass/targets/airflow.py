"""Airflow's REST API v2 (Airflow 3.1 to 3.3): the few calls that Windlass needs.

Tolerant of fields it does not know. One client per environment; any number of threads.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.observation import SeenDag, SeenImportError

_PAGE = 100  # Airflow's [api] maximum_page_limit


class AirflowClient:
    """Speaks to one Airflow as one user; its token is fetched and renewed as needed.

    Every call raises Unavailable AIR001 where Airflow is away or fails, Invalid AIR002 where it
    refuses the user, AIR003 where it refuses the call.
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
        query = {"bundle_name": bundle, "exclude_stale": "true"}
        return [
            SeenDag(
                row["dag_id"],
                row.get("bundle_version"),
                row.get("relative_fileloc") or "",
                row.get("file_token") or "",
                _parse_began_at(row),
            )
            for row in self._pages("/api/v2/dags", "dags", query)
        ]

    def list_import_errors(self, bundle: str) -> list[SeenImportError]:
        """The import errors of a bundle."""
        # Airflow 3.1 and 3.2 have no bundle_name filter here, so we filter.
        rows = self._pages("/api/v2/importErrors", "import_errors", {"bundle_name": bundle})
        return [
            SeenImportError(row["filename"], _time(row["timestamp"]), row["stack_trace"])
            for row in rows
            if row.get("bundle_name") == bundle
        ]

    def parse_file(self, file_token: str) -> None:
        """Ask the processor to parse a file next; this refreshes its whole bundle first."""
        self._call("PUT", f"/api/v2/parseDagFile/{quote(file_token, safe='')}", ok={404, 409})

    def version(self) -> str:
        """Airflow's version, such as `3.3.2`."""
        return str(self._call("GET", "/api/v2/version").json()["version"])

    def close(self) -> None:
        """Close kept-alive connections."""
        self._http.close()

    def _pages(self, path: str, key: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = {**query, "limit": str(_PAGE), "offset": str(offset)}
            body = self._call("GET", path, query=page).json()
            yield from body[key]
            offset += _PAGE
            if offset >= body["total_entries"]:
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
                self._token = str(response.json()["access_token"])
            return self._token

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._away(str(error) or type(error).__name__) from error

    def _away(self, why: str) -> Unavailable:
        return Unavailable(
            "AIR001",
            f"Airflow at {self.url} does not answer: {why}",
            "Is its api-server running, and WINDLASS_AIRFLOW_URL right?",
            retry_after_s=5,
        )


def _parse_began_at(row: dict[str, Any]) -> datetime | None:
    finished, duration_s = row.get("last_parsed_time"), row.get("last_parse_duration")
    if finished is None or duration_s is None:
        return None
    return _time(finished) - timedelta(seconds=duration_s)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
