"""The guard for addresses: which are refused, which are pinned, and that literals need no pin."""

import socket
import threading
from collections.abc import Callable, Sequence

import pytest

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.ref import Ref, RefKind
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.git.access import Boundary, Remote
from windlass.git.guard import judged_addresses, pin_addresses
from windlass.git.remotes import find_head

MAIN = Ref(RefKind.BRANCH, "main")


def failure(call: Callable[..., object], *given: object) -> AppError:
    with pytest.raises(AppError) as failed:
        call(*given)
    return failed.value


def pinned(remote: RemoteUrl, allowed: Sequence[str]) -> dict[str, str]:
    return pin_addresses(remote, judged_addresses(remote, allowed))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "0.0.0.0", "0x7f.1"]
)
def test_an_address_that_is_not_public_is_refused_before_anything_is_sent(host: str) -> None:
    refused = failure(find_head, Remote(f"http://{host}:9/dags.git", MAIN))

    assert refused.code == "GIT007"


PRIVATE = ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1", "fd00::1", "100.64.0.1", "224.0.0.1"]


@pytest.mark.parametrize("address", [*PRIVATE, "192.168.0.1", "2002:7f00:1::"])
def test_a_name_for_a_private_address_is_refused_unless_allowed(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolve_to(monkeypatch, "93.184.215.14", address)
    remote = parse_remote_url("https://git.example/dags")

    assert failure(pinned, remote, ["other.example"]).code == "GIT007"
    for allowed in ("git.example", address):
        assert list(pinned(remote, [allowed])) == ["http.curloptResolve"]


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(2, 1, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_public_name_is_pinned_to_all_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve_to(monkeypatch, "93.184.215.14", "2606:2800::1")

    found = pinned(parse_remote_url("https://git.example/dags"), ())

    assert found == {"http.curloptResolve": "git.example:443:93.184.215.14,[2606:2800::1]"}


def test_an_ipv6_address_needs_no_pin_and_is_reached() -> None:
    with socket.socket(socket.AF_INET6) as listening:
        listening.bind(("::1", 0))
        listening.listen()
        listening.settimeout(10)
        url = f"http://[::1]:{listening.getsockname()[1]}/dags"
        asking = threading.Thread(
            target=failure, args=(find_head, Remote(url, MAIN, None, Boundary(["::1"])))
        )
        asking.start()
        connection, _ = listening.accept()
        connection.close()
        asking.join()


def test_a_name_that_nobody_knows_is_worth_another_try() -> None:
    unknown = failure(find_head, Remote("http://nowhere.invalid/dags.git", MAIN))

    assert (type(unknown), unknown.code) == (Unavailable, "GIT008")


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "git." + "a" * 64])
def test_what_cannot_be_a_host_name_is_refused(host: str) -> None:
    refused = failure(find_head, Remote(f"http://{host}/dags.git", MAIN))

    assert (type(refused), refused.code) == (Invalid, "GIT013")
