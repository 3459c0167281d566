"""The guard for URLs that people type (security rule S2): resolve once, judge, pin."""

import ipaddress
import re
import socket
from collections.abc import Sequence
from functools import lru_cache

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.remote import RemoteUrl
from windlass.git.process import run_git

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
MIN_GIT = (2, 37)
"""The first git with http.curloptResolve; older ones ignore it without a word."""


def pin_address(remote: RemoteUrl, allowed: Sequence[str]) -> dict[str, str]:
    """Git configuration that makes it connect to the address judged here and to no other.

    Addresses that are not public are refused with Invalid GIT007 unless the host, the address or
    a network that holds it is in `allowed`. Raises Unavailable GIT008 where the name does not
    resolve, Invalid GIT013 where it cannot be one, Invalid GIT011 where git is too old to be told.
    The setting is http.curloptResolve, CURLOPT_RESOLVE's HOST:PORT:ADDRESS.
    """
    _check_git()
    addresses = _resolve(remote)
    if remote.host not in allowed:
        for address in addresses:
            _refuse_private(remote, address, allowed)
    pinned = ",".join(f"[{a}]" if a.version == 6 else str(a) for a in addresses)
    if ":" in remote.host:
        return {}  # an IPv6 address: there is nothing to resolve, and curl refuses the entry
    return {"http.curloptResolve": f"{remote.host}:{remote.port}:{pinned}"}


@lru_cache(maxsize=1)
def _check_git() -> None:
    version = run_git(["version"]).decode("ascii", "replace")
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < MIN_GIT:
        raise Invalid(
            "GIT011",
            f"{version.strip()!r} is too old: it would connect to addresses that were not checked",
            "Install git 2.37 or newer.",
        )


def _resolve(
    remote: RemoteUrl,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
    except UnicodeError:  # from Python's own encoding of names, before anybody is asked
        raise Invalid(
            "GIT013",
            f"the host {remote.host[:300]!r} is no host name: a part of it between dots is empty "
            "or longer than 63 characters",
            "Check the name.",
        ) from None
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
    if all(each.is_global and not each.is_multicast for each in (address, *_inside(address))):
        return
    if any(_holds(network, address) for network in allowed):
        return
    raise Invalid(
        "GIT007",
        f"the host {remote.host!r} is at {address}, which is not a public address",
        f"If that is meant, add {remote.host!r} to WINDLASS_ALLOWED_HOSTS.",
    )


def _inside(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64 (RFC 6052)."""
    if address.version == 4:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]


def _holds(text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False  # a host name
