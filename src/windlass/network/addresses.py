"""Which addresses may be connected to (security rule S2), whatever is spoken there."""

import ipaddress
import socket
from collections.abc import Sequence

from windlass.network.proxies import holds, is_below

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_address(host: str) -> bool:
    """Whether a host is written as an address, and not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host, at least one, in the order to try them. Raises OSError where its
    name is not found, UnicodeError where it cannot be one."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    unique = dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found)
    return [ipaddress.ip_address(text) for text in unique]


def find_forbidden(
    host: str, addresses: Sequence[Address], allowed: Sequence[str]
) -> Address | None:
    """The first address of the host that is not public, and that `allowed` does not let pass: it
    names the host, a domain above it (".example.com"), the address or a network that holds it."""
    if is_named(host, allowed):
        return None
    for address in addresses:
        parts = (address, *_inside(address))
        if all(each.is_global and not each.is_multicast for each in parts):
            continue
        if not any(holds(network, str(address)) for network in allowed):
            return address
    return None


def is_named(host: str, allowed: Sequence[str]) -> bool:
    """Whether `allowed` names the host: itself, or a domain above it with a dot before."""
    return any(
        host == rule or (rule.startswith(".") and is_below(host, rule[1:])) for rule in allowed
    )


def may_pass_proxy(host: str, allowed: Sequence[str]) -> bool:
    """Whether a host may be asked for through a proxy, which alone knows where its name leads."""
    return is_named(host, allowed) or any(holds(rule, host) for rule in allowed)


def _inside(address: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64 (RFC 6052)."""
    if address.version == 4:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [each for each in found if each is not None]
