"""The guard for URLs that people type (security rule S2): resolve once, judge, pin.

Where a proxy leads to the host, the proxy resolves its name, and the name is what is judged.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.remote import RemoteUrl
from windlass.git.process import run_git
from windlass.network.addresses import Address, find_forbidden, may_pass_proxy, resolve
from windlass.network.proxies import Proxy

MIN_GIT = (2, 37)
"""The first git with http.curloptResolve; older ones ignore it without a word."""


def judged_addresses(remote: RemoteUrl, allowed: Sequence[str]) -> list[Address]:
    """The addresses of the remote's host, at least one, each of which may be connected to.

    Addresses that are not public are refused with Invalid GIT007 unless the host, a domain above it
    (".example.com"), the address or a network that holds it is in `allowed`. Raises Unavailable
    GIT008 where the name does not resolve, Invalid GIT013 where it cannot be one.
    """
    addresses = _resolve(remote)
    forbidden = find_forbidden(remote.host, addresses, allowed)
    if forbidden is not None:
        raise Invalid(
            "GIT007",
            f"the host {remote.host!r} is at {forbidden}, which is not a public address",
            f"If that is meant, add {remote.host!r} to WINDLASS_ALLOWED_HOSTS.",
        )
    return addresses


def judge_name(remote: RemoteUrl, allowed: Sequence[str], proxy: Proxy) -> None:
    """Refuse a host that the proxy would lead to and that is not in `allowed`, as in
    `judged_addresses`: Invalid GIT025. What its name leads to, only the proxy knows."""
    if may_pass_proxy(remote.host, allowed):
        return
    raise Invalid(
        "GIT025",
        f"the host {remote.host!r} is reached through the proxy {proxy}, and is not one of "
        "WINDLASS_ALLOWED_HOSTS",
        f"If it may be reached, add {remote.host!r} to that setting: where a proxy resolves names, "
        "only hosts that it names are asked for.",
    )


def pin_addresses(remote: RemoteUrl, addresses: Sequence[Address]) -> dict[str, str]:
    """Git configuration that makes it connect to these addresses and to no other.

    Raises Invalid GIT011 where git is too old to be told. The setting is http.curloptResolve,
    CURLOPT_RESOLVE's HOST:PORT:ADDRESS.
    """
    git_version()
    pinned = ",".join(f"[{a}]" if a.version == 6 else str(a) for a in addresses)
    if ":" in remote.host:
        return {}  # an IPv6 address: there is nothing to resolve, and curl refuses the entry
    return {"http.curloptResolve": f"{remote.host}:{remote.port}:{pinned}"}


@lru_cache(maxsize=1)
def git_version() -> str:
    """What git calls itself, such as `git version 2.39.5`; Invalid GIT011 where it is too old."""
    version = run_git(["version"]).decode("ascii", "replace").strip()
    found = re.search(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < MIN_GIT:
        raise Invalid(
            "GIT011",
            f"{version!r} is too old: it would connect to addresses that were not checked",
            "Install git 2.37 or newer.",
        )
    return version


def _resolve(remote: RemoteUrl) -> list[Address]:
    try:
        return resolve(remote.host, remote.port)
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
