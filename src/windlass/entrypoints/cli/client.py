"""Calls the API for the command line."""

import getpass
import ssl
from typing import Any
from urllib.parse import quote

import httpx

from windlass.domain.errors import Invalid, Unavailable
from windlass.entrypoints.failures import error_of
from windlass.settings import Settings, load_settings

ROOT = "/api/v1/repositories"


def address_of(name: str) -> str:
    """The address of a repository; any text is a name here, the API judges it."""
    return f"{ROOT}/{quote(name, safe='')}"


class Client:
    """The API at `settings.client_url`, with the token of `settings.token_file`.

    Every call returns the decoded JSON, and raises what the API answers as the same error.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or load_settings()
        self._verify = _authorities(self._settings)

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None, *, timeout_s: int = 60) -> Any:
        return self._call("POST", path, body or {}, timeout_s)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PATCH", path, body)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path, None)

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None, timeout_s: int = 60
    ) -> Any:
        url = self._settings.client_url + path
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "X-Windlass-On-Behalf-Of": quote(_user(), safe=""),
        }
        try:
            response = httpx.request(
                method,
                url,
                json=body,
                headers=headers,
                timeout=timeout_s,
                trust_env=False,
                verify=self._verify,
            )
        except httpx.HTTPError as error:
            where = self._settings.client_url
            hint = "Start one with `windlass up`, or say where it is with WINDLASS_API_URL."
            if where.startswith("https:"):  # then its certificate may be what is wrong
                hint = f"{error}. {hint} WINDLASS_CA_FILE names an authority to believe."
            raise Unavailable("API004", f"no Windlass answers at {where}", hint) from error
        try:
            is_json = "json" in response.headers.get("Content-Type", "json")
            if response.is_success and not is_json:
                return response.text
            answer = response.json()
            if response.is_success:
                return answer
            problem = answer["code"], answer["message"], answer["hint"]
        except (ValueError, KeyError, TypeError):  # a proxy, or another program on that port
            raise Invalid(
                "API006",
                f"what answers at {self._settings.client_url} is not a Windlass: it says HTTP "
                f"{response.status_code} to {path}",
                "Say where it is with WINDLASS_API_URL or WINDLASS_API_PORT.",
            ) from None
        raise error_of(response.status_code, *problem)

    def _token(self) -> str:
        path = self._settings.token_file
        try:
            return path.read_text().strip()
        except OSError as error:
            raise Invalid(
                "API005",
                f"the API token file {str(path)!r} cannot be read: {error.strerror}",
                "Start `windlass up` in this folder, or set WINDLASS_HOME to where it runs.",
            ) from error


def _authorities(settings: Settings) -> ssl.SSLContext | bool:
    """Whom to believe; where nothing is encrypted, loading them takes 40 ms for nothing."""
    if not settings.client_url.startswith("https:"):
        return False
    from windlass.network.authorities import read_authorities

    return read_authorities(settings.ca_file).context


def _user() -> str:
    """The name of the account that runs the command; "" where it has none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
