"""One call of a Git host's API: judged addresses, bounds on time and size, and what answers mean.

Nothing of an answer that tells of a failure is shown or logged but its status: hosts and proxies
quote in it what they were sent.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from windlass import __version__
from windlass.domain.errors import Forbidden, Invalid, NotFound, Throttled, Unavailable
from windlass.domain.forge import ApiLogin
from windlass.network.addresses import Address
from windlass.network.authorities import SETTING
from windlass.network.bounded import TooLong, bounded_request
from windlass.network.judged import certificate_error, judge_host, judged_client
from windlass.network.proxies import STRAIGHT, Network

LIMIT_S = 20.0
MAX_BYTES = 5_000_000
MAX_PAGES = 20
"""Of a listing; one that goes on is read no further."""
WAIT_S = 60.0
"""How long a host that asks us to wait, and does not say for how long, is left alone."""
MAX_WAIT_S = 3600.0

Logins = Callable[[ApiLogin | None], ApiLogin | None]
"""What the API is shown: given None, the login; given one that was refused, another, or None."""
Headers = Callable[[ApiLogin], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Way:
    """How the hosts of APIs are reached; `allowed` ones need not be public. `limit_s` is for each
    call, with all of its answer."""

    network: Network = STRAIGHT
    allowed: Sequence[str] = ()
    limit_s: float = LIMIT_S
    max_bytes: int = MAX_BYTES


class Caller:
    """Calls one API as one login. Any number of threads.

    Every call raises Invalid FORGE001 where nothing may be asked there, FORGE002 where the host's
    certificate is not believed, FORGE005 where the login is refused, FORGE008 where what was sent
    is, FORGE013 where it leads elsewhere; Forbidden FORGE006 where the login may not do that;
    NotFound FORGE007; Unavailable FORGE003 where the host is away, FORGE009 where its answer makes
    no sense; Throttled FORGE004 where it asks us to wait; and what `logins` does.
    """

    def __init__(self, api_url: str, way: Way, logins: Logins, headers: Headers) -> None:
        self.api_url = api_url.rstrip("/")
        self.host = urlsplit(api_url).hostname or ""
        self._way = way
        self._logins = logins
        self._headers = headers

    def get(self, path: str, **params: str) -> Any:
        return self.call("GET", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """What the host answers, as JSON; None where it answers with nothing. `path` begins with
        a slash, and is escaped already."""
        login = self._logins(None)
        answer = self._ask(method, path, body, params, login)
        if answer.status_code == 401 and login is not None:
            other = self._logins(login)
            if other is not None:
                answer = self._ask(method, path, body, params, other)
        if not answer.is_success:
            raise self._failure(answer)
        if not answer.content:
            return None
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError):
            raise self._senseless() from None

    def pages(self, read: Callable[[int], list[Any]], size: int) -> Iterator[Any]:
        """All of a listing whose pages are numbered from 1."""
        for number in range(1, MAX_PAGES + 1):
            found = read(number)
            yield from found
            if len(found) < size:
                return

    def items(self, found: Any, *path: str) -> list[Any]:
        """A list of objects in an answer; FORGE009 where there is none."""
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._senseless()
        return found

    def thing(self, found: Any) -> dict[str, Any]:
        """An object in an answer; FORGE009 where it is none."""
        if not isinstance(found, dict):
            raise self._senseless()
        return found

    def name(self, found: Any, *path: str) -> str:
        """A name or number in an answer, as text; FORGE009 where there is none."""
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise self._senseless()
        return str(found)

    def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, str] | None,
        login: ApiLogin | None,
    ) -> httpx.Response:
        headers = {"User-Agent": f"windlass/{__version__}", "Accept": "application/json"}
        if login is not None:
            headers |= self._headers(login)
        url = self.api_url + path
        try:
            with judged_client(url, self._way.network, self._judge, self._way.limit_s) as client:
                return bounded_request(
                    client,
                    method,
                    url,
                    headers=headers,
                    params=params or None,
                    json=body,
                    limit_s=self._way.limit_s,
                    max_bytes=self._way.max_bytes,
                )
        except TooLong:
            raise self._away("its answer is too long") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if certificate_error(error):
                raise Invalid(
                    "FORGE002",
                    f"the API at {self.host} shows a certificate that is not believed",
                    f"Name a PEM file with its authority in {SETTING}.",
                ) from None
            raise self._away(type(error).__name__) from None

    def _failure(self, answer: httpx.Response) -> Exception:
        """What a status means; 403 and 429 mean to wait where the host says so."""
        status = answer.status_code
        wait_s = _wait_s(answer)
        if status == 429 or (status in (403, 503) and wait_s is not None):
            wait = min(wait_s if wait_s is not None else WAIT_S, MAX_WAIT_S)
            return Throttled(
                "FORGE004",
                f"{self.host} asks us to wait: it answers {status}",
                "It is asked again by itself.",
                retry_after_s=max(wait, 1.0),
            )
        if status >= 500:
            return self._away(f"it answers {status}")
        if status == 401:
            return Invalid(
                "FORGE005",
                f"{self.host} does not take the token for its API: it answers 401",
                "Is it still valid, and one for the API? Name another: windlass repo set NAME -O "
                "api_credential=CREDENTIAL",
            )
        if status == 403:
            return Forbidden(
                "FORGE006",
                f"{self.host} does not let the token do this: it answers 403",
                "docs/webhooks.md says what the token must be allowed to.",
            )
        if status in (404, 410):
            return NotFound(
                "FORGE007",
                f"{self.host} does not know this, or does not show it to the token: it answers "
                f"{status}",
                "Does the token reach the repository, and may it do this? See docs/webhooks.md.",
            )
        if 300 <= status < 400:
            return Invalid(
                "FORGE013",
                f"{self.host} leads elsewhere: it answers {status}, which is not followed, since "
                "the token would go along",
                "Was the repository renamed? Give its URL of now: windlass repo set NAME --url URL",
            )
        return Invalid("FORGE008", f"{self.host} refuses what it was sent: it answers {status}")

    def _judge(self, url: str) -> list[Address] | None:
        return judge_host(url, self._way.network, self._way.allowed, _forbidden)

    def _away(self, why: str) -> Unavailable:
        return Unavailable("FORGE003", f"the API at {self.host} cannot be asked now: {why}")

    def _senseless(self) -> Unavailable:
        return Unavailable(
            "FORGE009",
            f"what answers at {self.host} is not the API that it should be",
            "Is the kind of the Git host right, and its address? See the option api_url.",
        )


def _forbidden(host: str, where: str) -> Invalid:
    return Invalid(
        "FORGE001",
        f"the host {host!r}, whose API is asked, is {where}",
        f"If that is meant, add {host!r} to WINDLASS_ALLOWED_HOSTS and restart Windlass.",
    )


def _wait_s(answer: httpx.Response) -> float | None:
    """How long the host asks us to wait, None where it does not: Retry-After (RFC 9110, 10.2.3),
    else when a limit that is used up begins anew (GitHub, GitLab and Gitea, in seconds of 1970)."""
    after = answer.headers.get("retry-after", "").strip()
    if after.isdecimal():
        return float(after[:9])
    if after:
        try:
            at = parsedate_to_datetime(after)
            return max((at - datetime.now(UTC)).total_seconds(), 0.0)
        except (ValueError, TypeError):
            return WAIT_S
    for kind in ("x-ratelimit", "ratelimit"):
        if answer.headers.get(f"{kind}-remaining", "").strip() == "0":
            reset = answer.headers.get(f"{kind}-reset", "").strip()
            return max(float(reset[:12]) - time.time(), 0.0) if reset.isdecimal() else WAIT_S
    return None
