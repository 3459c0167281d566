"""Asking another machine for a secret over HTTPS: judged addresses, no redirects, bounded answers.

What its failures mean is the caller's to say; nothing here shows a header or a body.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from windlass.domain.errors import Invalid, Unavailable
from windlass.network.addresses import Address
from windlass.network.authorities import SETTING
from windlass.network.judged import certificate_error, judge_host, judged_client
from windlass.network.proxies import STRAIGHT, Network

TIMEOUT_S = 10.0
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Asker:
    """The way out for questions after secrets; `allowed` hosts need not be public."""

    network: Network = STRAIGHT
    allowed: Sequence[str] = ()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The answer, whatever its status. Raises Invalid CRED034 where nothing may be asked there,
        CRED035 where its certificate is not believed, Unavailable CRED036 where it is away or
        answers with a failure of its own."""
        host = urlsplit(url).hostname or ""
        try:
            with (
                judged_client(url, self.network, self._judge, TIMEOUT_S) as client,
                client.stream(method, url, headers=headers, params=params, json=body) as answer,
            ):
                content = bytearray()
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > MAX_BYTES:
                        raise _away(host, "its answer is too long")
        except httpx.HTTPError as error:
            if certificate_error(error):
                raise Invalid(
                    "CRED035",
                    f"{host} shows a certificate that is not believed",
                    f"Name a PEM file with its authority in {SETTING}.",
                ) from None
            raise _away(host, type(error).__name__) from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise _away(host, f"it answers {answer.status_code}")
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content))

    def _judge(self, url: str) -> list[Address] | None:
        return judge_host(url, self.network, self.allowed, _forbidden)


def _forbidden(host: str, where: str) -> Invalid:
    return Invalid(
        "CRED034",
        f"the host {host!r}, which is asked for a secret, is {where}",
        f"If that is meant, add {host!r} to WINDLASS_ALLOWED_HOSTS and restart Windlass.",
    )


def _away(host: str, why: str) -> Unavailable:
    return Unavailable("CRED036", f"{host} cannot be asked for a secret now: {why}")
