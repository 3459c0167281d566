"""The guard for URLs that people type (security rule S2): resolve once, judge, pin."""

import ipaddress
import socket
from collections.abc import Sequence

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.remote import RemoteUrl


def pin_address(remote: RemoteUrl, allowed: Sequence[str]) -> dict[str, str]:
    """Git configuration that makes it connect to the address judged here and to no other.

    Addresses that are not public are refused with Invalid GIT007 unless the host, the address or
    a network that holds it is in `allowed`. Raises Unavailable GIT008 where the name does not
    resolve. The setting is http.curloptResolve (git 2.37), CURLOPT_RESOLVE's HOST:PORT:ADDRESS.
    """
    addresses = _resolve(remote)
    if remote.host not in allowed:
        for address in addresses:
            _refuse_private(remote, address, allowed)
    pinned = ",".join(f"[{a}]" if a.version == 6 else str(a) for a in addresses)
    return {"http.curloptResolve": f"{remote.host}:{remote.port}:{pinned}"}


def _resolve(
    remote: RemoteUrl,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(
            "GIT008",
            f"the host {remote.host!r} could not be found: {error.strerror}",
            "Check the name, and this machine's DNS.",
        ) from error
    unique = dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in unique]


def _refuse_private(
    remote: RemoteUrl,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    allowed: Sequence[str],
) -> None:
    if address.is_global and not address.is_multicast:
        return
    if any(_holds(network, address) for network in allowed):
        return
    raise Invalid(
        "GIT007",
        f"the host {remote.host!r} is at {address}, which is not a public address",
        f"If that is meant, add {remote.host!r} to WINDLASS_ALLOWED_HOSTS.",
    )


def _holds(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False  # a host name
