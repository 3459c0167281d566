"""Which way a host is reached: straight, or through an HTTP proxy (RFC 9110, 9.3.6 and 11.7)."""

import base64
import ipaddress
from dataclasses import dataclass, field
from urllib.parse import quote

from windlass.network.authorities import Authorities


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and who we are there, where it wants to know; basic authentication."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """Without the login."""
        return f"http://{self}"

    @property
    def secret_url(self) -> str:
        """With the login; for memory of ours alone."""
        if not self.username:
            return self.url
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        return f"http://{login}@{self}"

    @property
    def header(self) -> str | None:
        """The value of Proxy-Authorization; None where there is no login."""
        if not self.username:
            return None
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be taken out of any words about it."""
        if not self.username:
            return ()
        return (self.password, quote(self.password, safe=""), (self.header or "").split()[-1])


@dataclass(frozen=True, slots=True)
class Network:
    """The ways out of this process: the proxy of each scheme, and whom is never reached through
    one. `no_proxy` holds names, which stand for what is below them too, addresses and networks.

    `airflow_hosts` are the hosts, domains, addresses and networks at which an Airflow may be though
    they are not public; None where anything may be asked.
    """

    https_proxy: Proxy | None = None
    http_proxy: Proxy | None = None
    no_proxy: tuple[str, ...] = ()
    authorities: Authorities = field(default_factory=Authorities)
    airflow_hosts: tuple[str, ...] | None = None

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """The proxy that leads to a host; None: straight. This machine is never behind one."""
        proxy = {"https": self.https_proxy, "http": self.http_proxy}.get(scheme)
        if proxy is None or _is_loopback(host):
            return None
        return None if any(_covers(rule, host) for rule in self.no_proxy) else proxy


STRAIGHT = Network()
"""No proxy, and the system's authorities."""


def is_below(host: str, name: str) -> bool:
    """Whether a host is `name` or below it.

    >>> is_below("git.example.com", "example.com"), is_below("notexample.com", "example.com")
    (True, False)
    """
    return host == name or host.endswith(f".{name}")


def holds(network: str, host: str) -> bool:
    """Whether a network or address, as text, holds the address `host`; False where either is
    something else."""
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _covers(rule: str, host: str) -> bool:
    name = rule.removeprefix("*").removeprefix(".").lower()
    return rule == "*" or bool(name and is_below(host.lower(), name)) or holds(rule, host)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or holds("127.0.0.0/8", host) or host == "::1"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
