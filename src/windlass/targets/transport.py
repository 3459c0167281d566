"""The HTTP client for an Airflow: where it may be, its authorities, its proxy, and what their
failures mean."""

import re
import ssl
from urllib.parse import urlsplit

import httpx

from windlass.domain.errors import AppError, Invalid
from windlass.network.addresses import Address
from windlass.network.authorities import explain_doubt, shown_certificate
from windlass.network.judged import certificate_error, judge_host, judged_client, way_of
from windlass.network.proxies import Network
from windlass.network.sockets import no_answer, open_socket, open_tunnel, refused, secured

TIMEOUT_S = 10.0


def http_client(url: str, network: Network, timeout_s: float) -> httpx.Client:
    """A client for what is at `url`. It follows no redirect: a password and a token go along.

    Each of its requests raises Invalid AIR008 where nothing may be asked at that address.
    """
    return judged_client(url, network, lambda asked: judge_way(asked, network), timeout_s)


def judge_way(url: str, network: Network) -> list[Address] | None:
    """The addresses at which the Airflow of `url` may be asked, at least one; None where they are
    not ours to judge: through a proxy, or where anything may be asked.

    Raises Invalid AIR008 where one is not public and not allowed, OSError where the name is not
    found, UnicodeError where it cannot be one.
    """
    allowed = network.airflow_hosts
    return None if allowed is None else judge_host(url, network, allowed, _forbidden)


def _forbidden(host: str, where: str) -> Invalid:
    return Invalid(
        "AIR008",
        f"Airflow's host {host!r} is {where}",
        f"If that is meant, add {host!r} to WINDLASS_ALLOWED_HOSTS and restart Windlass.",
    )


def explain_way(url: str, network: Network, error: httpx.HTTPError) -> AppError | None:
    """What failed before Airflow was asked: the proxy, or its certificate; None where neither."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    way = way_of(url, network)
    if cause := certificate_error(error):

        def connect(blind: ssl.SSLContext) -> ssl.SSLSocket:
            try:
                opened = (
                    open_tunnel(way, host, port, TIMEOUT_S)
                    if way
                    else open_socket(host, port, TIMEOUT_S)
                )
            except AppError as away:
                raise OSError from away
            return secured(opened, host, blind)

        why, hint = explain_doubt(cause, shown_certificate(connect))
        return Invalid(
            "AIR007", f"Airflow at {url} shows a certificate that is not believed: {why}", hint
        )
    if way is None:
        return None
    if isinstance(error, httpx.ProxyError):
        said = re.match(r"([0-9]{3}) ?(.*)", str(error))
        if said:
            return refused(way, f"{host}:{port}", int(said[1]), said[2])
        return no_answer(way, str(error))
    return no_answer(way, str(error)) if isinstance(error, httpx.ConnectError) else None
