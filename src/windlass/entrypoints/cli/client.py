"""Calls the API for the command line."""

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

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._call("POST", path, body or {})

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        url = self._settings.client_url + path
        headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            response = httpx.request(
                method,
                url,
                json=body,
                headers=headers,
                timeout=60,
                trust_env=False,
                verify=url.startswith("https:"),  # loading certificates for nothing takes 40 ms
            )
        except httpx.HTTPError as error:
            raise Unavailable(
                "API004",
                f"no Windlass answers at {self._settings.client_url}",
                "Start one with `windlass up`, or say where it is with WINDLASS_API_URL.",
            ) from error
        try:
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
