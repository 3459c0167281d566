"""The settings of the ways out become what git and Airflow are reached with."""

from pathlib import Path

import pytest

from windlass.app import network_of
from windlass.domain.errors import Invalid
from windlass.network.proxies import Network, Proxy
from windlass.settings import Settings


def test_settings_become_the_ways_out(room: Path) -> None:
    login = room / "login"
    login.write_text("ops:p:w\n")
    settings = Settings(
        https_proxy="http://proxy.example:3128",
        http_proxy="http://[::1]:8080/",
        no_proxy=".corp.example, 10.0.0.0/8",
        proxy_login_file=login,
        airflow_url="http://127.0.0.1:8080",
        airflow_password_file=login,
        allowed_hosts="airflow.corp.example",
    )

    assert network_of(settings) == Network(
        Proxy("proxy.example", 3128, "ops", "p:w"),
        Proxy("::1", 8080, "ops", "p:w"),
        (".corp.example", "10.0.0.0/8"),
        airflow_hosts=("airflow.corp.example", "127.0.0.1"),
    )


@pytest.mark.parametrize("text", ["", "ops", ":PW", "ops:PW\nmore\n"])
def test_a_login_that_is_none_is_refused_without_being_told(room: Path, text: str) -> None:
    (room / "login").write_text(text)

    with pytest.raises(Invalid) as refused:
        network_of(Settings(proxy_login_file=room / "login"))

    assert (refused.value.code, "PW" in str(refused.value)) == ("CFG024", False)


def test_a_file_that_is_not_there_is_told_at_the_start(room: Path) -> None:
    for given in (Settings(proxy_login_file=room / "none"), Settings(ca_file=room / "none")):
        with pytest.raises(Invalid, match="No such file"):
            network_of(given)
