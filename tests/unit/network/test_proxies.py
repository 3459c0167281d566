"""Which way a host is reached, and where a login shows."""

import pytest

from windlass.network.proxies import Network, Proxy

PROXY = Proxy("proxy.example", 3128, "ops", "p@ss/w:rd")


@pytest.mark.parametrize(
    "host", ["git.corp.example", "corp.example", "10.1.2.3", "127.0.0.1", "localhost", "::1"]
)
def test_some_hosts_are_reached_without_the_proxy(host: str) -> None:
    network = Network(https_proxy=PROXY, no_proxy=("corp.example", "10.0.0.0/8"))

    assert network.proxy_for("https", host) is None


@pytest.mark.parametrize("host", ["github.com", "notcorp.example", "11.1.2.3"])
def test_all_others_are_reached_through_the_proxy_of_their_scheme(host: str) -> None:
    network = Network(https_proxy=PROXY, no_proxy=(".corp.example", "10.0.0.0/8"))

    found = [network.proxy_for(scheme, host) for scheme in ("https", "http", "ssh", "file")]

    assert found == [PROXY, None, None, None]


def test_a_star_turns_the_proxy_off() -> None:
    assert Network(https_proxy=PROXY, no_proxy=("*",)).proxy_for("https", "github.com") is None


def test_a_login_shows_where_it_must_and_nowhere_else() -> None:
    assert PROXY.secret_url == "http://ops:p%40ss%2Fw%3Ard@proxy.example:3128"
    assert (PROXY.url, str(PROXY)) == ("http://proxy.example:3128", "proxy.example:3128")
    assert "p@ss" not in repr(Network(https_proxy=PROXY))
    assert (Proxy("::1", 1).header, Proxy("::1", 1).secret_url) == (None, "http://[::1]:1")
