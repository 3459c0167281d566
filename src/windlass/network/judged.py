"""An HTTP client that connects only to addresses that were judged (security rule S2)."""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from windlass.domain.errors import AppError
from windlass.network.addresses import Address, find_forbidden, may_pass_proxy, resolve
from windlass.network.proxies import Network, Proxy

Judge = Callable[[str], list[Address] | None]
"""The addresses at which a URL may be asked, at least one; None where they are not ours to judge.
Raises AppError where it may not be asked, OSError where its name is not found."""


def judged_client(url: str, network: Network, judge: Judge, timeout_s: float) -> httpx.Client:
    """A client for what is at `url`. It follows no redirect: a password and a token go along. Each
    of its requests raises what `judge` does of its URL."""
    way = way_of(url, network)
    proxy = None
    if way is not None:
        login = (way.username, way.password) if way.username else None
        proxy = httpx.Proxy(way.url, auth=login)
    verify = network.authorities.context if url.startswith("https:") else False
    straight = httpx.HTTPTransport(verify=verify, proxy=proxy)
    return httpx.Client(
        base_url=url, timeout=timeout_s, trust_env=False, transport=_Judged(straight, judge)
    )


def way_of(url: str, network: Network) -> Proxy | None:
    """The proxy on the way there. Not without TLS: it would read the password."""
    host = urlsplit(url).hostname or ""
    return network.proxy_for("https", host) if url.startswith("https:") else None


def judge_host(
    url: str, network: Network, allowed: Sequence[str], forbidden: Callable[[str, str], AppError]
) -> list[Address] | None:
    """A `Judge`'s answer by rule S2: an address must be public, or its host in `allowed`.

    `forbidden` makes the error that is raised, of the host and of where that is in words. Raises
    OSError where the name is not found, UnicodeError where it cannot be one.
    """
    host = urlsplit(url).hostname or ""
    if way_of(url, network) is not None:
        if may_pass_proxy(host, allowed):
            return None
        raise forbidden(host, "reached through a proxy, which alone knows where that is")
    found = resolve(host, 0)
    address = find_forbidden(host, found, allowed)
    if address is not None:
        raise forbidden(host, f"at {address}, which is not a public address")
    return found


def certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """That a certificate was not believed, where that is below an error of httpx."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


class _Judged(httpx.BaseTransport):
    """Connects to the addresses that were judged and to no other: a name may lead elsewhere when
    it is resolved again."""

    def __init__(self, straight: httpx.BaseTransport, judge: Judge) -> None:
        self._straight = straight
        self._judge = judge

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        try:
            addresses = self._judge(str(url))
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        if addresses is None:
            return self._straight.handle_request(request)
        # The header Host has the name already; TLS is told it here (httpx, extensions).
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        for address in addresses[:-1]:
            with suppress(httpx.ConnectError):
                request.url = url.copy_with(host=str(address))
                return self._straight.handle_request(request)
        request.url = url.copy_with(host=str(addresses[-1]))
        return self._straight.handle_request(request)

    def close(self) -> None:
        self._straight.close()
