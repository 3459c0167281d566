"""Private authorities and proxies: git, the kept-alive polls, the Airflow client and doctor, each
over real TLS and through a real proxy that knows names nobody here can resolve."""

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.conftest import PASSWORD, Origin, register, run_sync
from tests.integration.proxying import PASSWORD as PROXY_PASSWORD
from tests.integration.proxying import LocalProxy, proxying
from tests.integration.strange import serving
from windlass.domain.checkup import Condition
from windlass.domain.errors import AppError, Invalid
from windlass.domain.ref import Ref, RefKind
from windlass.engine.context import Context
from windlass.engine.doctor import Place, examine
from windlass.engine.register import Registration
from windlass.entrypoints.demo.certificates import LocalAuthority
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.access import BasicAuth, Boundary, Remote
from windlass.git.lsrefs import HeadFinder
from windlass.git.mirror import Mirror
from windlass.git.remotes import find_head
from windlass.network.authorities import Authorities, read_authorities
from windlass.network.proxies import Network, Proxy
from windlass.network.sockets import open_tunnel
from windlass.targets.airflow import AirflowClient

MAIN = Ref(RefKind.BRANCH, "main")
HOST = "git.inside.example"  # which only the proxy can resolve
Ask = Callable[[Remote], object]


@pytest.fixture
def authority(room: Path) -> LocalAuthority:
    return LocalAuthority(room / "authority")


@contextlib.contextmanager
def secure(origin: Origin, tls: ssl.SSLContext) -> Iterator[GitHttpServer]:
    """The repositories of `origin` once more, by TLS."""
    root, env = origin.clone.parent / "git", dict(os.environ)
    with GitHttpServer(root, username="ci", password=PASSWORD, env=env, tls=tls) as server:
        server.create_repository("team/dags", private=True)
        yield server


def at(server: GitHttpServer, network: Network, host: str = "127.0.0.1") -> Remote:
    url = server.url_for("team/dags").replace("127.0.0.1", host)
    return Remote(url, MAIN, BasicAuth("ci", PASSWORD), Boundary((host,), network=network))


def by_git(remote: Remote) -> object:
    return find_head(remote).sha


def by_poll(remote: Remote) -> object:
    with contextlib.closing(HeadFinder()) as finder:
        return finder.find_head(remote).sha


BOTH = pytest.mark.parametrize("ask", [by_git, by_poll])


def failure(call: Callable[..., object], *given: object) -> AppError:
    with pytest.raises(AppError) as failed:
        call(*given)
    assert PASSWORD not in str(failed.value)
    assert PROXY_PASSWORD not in str(failed.value)
    return failed.value


def believing(authority: LocalAuthority) -> Network:
    return Network(authorities=read_authorities(authority.file))


@BOTH
def test_a_private_authority_is_believed_where_its_file_is_named(
    origin: Origin, authority: LocalAuthority, ask: Ask
) -> None:
    sha = origin.push("first", {"a.py": "x"})

    with secure(origin, authority.server_context()) as server:
        assert ask(at(server, believing(authority))) == sha


def test_a_fetch_believes_it_too(origin: Origin, authority: LocalAuthority, room: Path) -> None:
    sha = origin.push("first", {"a.py": "x"})

    with secure(origin, authority.server_context()) as server:
        fetched = Mirror(room / "mirror.git").fetch(at(server, believing(authority)))

    assert fetched.sha == sha


@BOTH
@pytest.mark.parametrize("named", [False, True])
def test_who_is_not_believed_is_named_with_what_to_do(
    origin: Origin, authority: LocalAuthority, room: Path, ask: Ask, named: bool
) -> None:
    other = LocalAuthority(room / "other", "Some Other CA")
    network = believing(other) if named else Network()

    with secure(origin, authority.server_context()) as server:
        remote = at(server, network)
        refused = failure(ask, remote)

    assert (type(refused), refused.code) == (Invalid, "GIT024")
    assert refused.message == (
        f"{remote.url} shows a certificate that is not believed: unable to get local issuer "
        "certificate; its issuer is CN=Windlass Local CA"
    )
    assert "WINDLASS_CA_FILE" in refused.hint


@BOTH
def test_a_certificate_that_is_over_or_for_another_host_says_so(
    origin: Origin, authority: LocalAuthority, ask: Ask
) -> None:
    network = believing(authority)
    over = authority.server_context(lifetime=timedelta(days=-1))

    with secure(origin, over) as server:
        expired = failure(ask, at(server, network))
    with secure(origin, authority.server_context("git.example")) as server:
        other = failure(ask, at(server, network))

    assert [one.code for one in (expired, other)] == ["GIT024", "GIT024"]
    assert (expired.message[-23:], expired.hint[:15]) == (
        "certificate has expired",
        "Have it renewed",
    )
    assert "it is for git.example" in other.message


@BOTH
def test_a_self_signed_certificate_is_told_with_its_fingerprint(
    origin: Origin, authority: LocalAuthority, ask: Ask
) -> None:
    with secure(origin, authority.self_signed_context()) as server:
        refused = failure(ask, at(server, Network()))

    assert "self-signed certificate (SHA-256 " in refused.message.replace(
        "self signed", "self-signed"
    )
    assert "put the certificate into a PEM file" in refused.hint


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_a_usable_certificate_is_refused(room: Path, content: str) -> None:
    file = room / "ca.pem"
    file.write_text(content)

    assert failure(read_authorities, file).code == "CFG023"
    assert failure(read_authorities, room / "none.pem").code == "CFG022"


# ------------------------------------------------------------------------------- proxies


@pytest.fixture
def proxy() -> Iterator[LocalProxy]:
    with proxying() as told:
        told.names[HOST] = "127.0.0.1"
        yield told


def through(proxy: LocalProxy, authority: LocalAuthority | None = None) -> Network:
    authorities = read_authorities(authority.file) if authority else Authorities()
    return Network(proxy.proxy, proxy.proxy, authorities=authorities)


@pytest.fixture
def far(
    origin: Origin, authority: LocalAuthority, proxy: LocalProxy
) -> Iterator[tuple[str, Remote]]:
    """A commit on a host that the proxy alone knows, by TLS."""
    sha = origin.push("first", {"a.py": "x" * 1000})
    with secure(origin, authority.server_context(HOST)) as server:
        yield sha, at(server, through(proxy, authority), HOST)


@BOTH
def test_a_host_that_only_the_proxy_knows_is_asked_through_its_tunnel(
    far: tuple[str, Remote], proxy: LocalProxy, ask: Ask
) -> None:
    sha, remote = far

    assert ask(remote) == sha
    assert set(proxy.asked) == {f"CONNECT {HOST}:{remote.parsed.port}"}


def test_polls_keep_their_tunnel(far: tuple[str, Remote], proxy: LocalProxy) -> None:
    with contextlib.closing(HeadFinder()) as finder:
        heads = {finder.find_head(far[1]).sha for _ in range(5)}

    assert (heads, len(proxy.asked)) == ({far[0]}, 1)


@BOTH
def test_plain_http_goes_through_the_proxy_as_a_request(
    origin: Origin, git_server: GitHttpServer, proxy: LocalProxy, ask: Ask
) -> None:
    sha = origin.push("first", {"a.py": "x"})
    remote = at(git_server, through(proxy), HOST)

    assert ask(remote) == sha
    assert f"GET {HOST}:{remote.parsed.port}" in proxy.asked


@BOTH
def test_through_a_proxy_only_hosts_are_asked_that_are_allowed(
    far: tuple[str, Remote], proxy: LocalProxy, ask: Ask
) -> None:
    remote = far[1]
    others = replace(remote.boundary, hosts=("inside.example", "10.0.0.0/8"))
    below = replace(remote.boundary, hosts=(".inside.example",))

    refused = failure(ask, replace(remote, boundary=others))

    assert (refused.code, proxy.asked) == ("GIT025", [])
    assert "WINDLASS_ALLOWED_HOSTS" in refused.message
    assert ask(replace(remote, boundary=below)) == far[0]


@BOTH
@pytest.mark.parametrize(
    ("changes", "code"), [({"password": "other"}, "NET002"), ({"status": 403}, "NET003")]
)
def test_a_proxy_that_refuses_is_told_from_a_host_that_does(
    far: tuple[str, Remote], proxy: LocalProxy, ask: Ask, changes: dict[str, object], code: str
) -> None:
    vars(proxy).update(changes)

    refused = failure(ask, far[1])

    assert (type(refused), refused.code) == (Invalid, code)


@BOTH
def test_a_refused_login_is_told_for_plain_http_too(
    origin: Origin, git_server: GitHttpServer, proxy: LocalProxy, ask: Ask
) -> None:
    proxy.password = "other"

    assert failure(ask, at(git_server, through(proxy), HOST)).code == "NET002"


@BOTH
def test_a_proxy_that_is_down_is_named(far: tuple[str, Remote], ask: Ask) -> None:
    remote = far[1]
    away = Network(Proxy("127.0.0.1", 1, "ops", PROXY_PASSWORD))

    refused = failure(ask, replace(remote, boundary=replace(remote.boundary, network=away)))

    assert (refused.code, "127.0.0.1:1" in refused.message) == ("NET001", True)


def test_a_tunnel_that_is_cut_during_a_fetch_leaves_a_mirror_that_works(
    far: tuple[str, Remote], proxy: LocalProxy, origin: Origin, room: Path
) -> None:
    noise = {f"{n}.bin": os.urandom(40_000).hex() for n in range(5)}
    sha = origin.push("large", dict(noise))
    mirror = Mirror(room / "mirror.git")
    proxy.cut_after = 60_000

    assert failure(mirror.fetch, far[1]).code == "GIT006"
    proxy.cut_after = None
    assert mirror.fetch(far[1]).sha == sha


def test_the_proxys_password_is_in_no_argument_and_no_environment_of_a_process(
    far: tuple[str, Remote], proxy: LocalProxy, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = room / "seen"
    wrapper = room / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >>{seen}\nenv >>{seen}\nexec /usr/bin/git "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setattr("windlass.git.process.PATH", f"{wrapper.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    Mirror(room / "mirror.git").fetch(far[1])

    text = seen.read_text()
    secrets = (*proxy.proxy.secrets, PASSWORD)
    assert ("fetch" in text, [one for one in secrets if one in text]) == (True, [])
    assert PROXY_PASSWORD not in repr(far[1])


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_reply_of_a_proxy_is_a_tunnel_or_an_error_of_ours(reply: bytes) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            opened, _ = server.accept()
            with contextlib.suppress(OSError), opened:
                opened.sendall(reply)
                opened.shutdown(socket.SHUT_WR)
                while opened.recv(4096):
                    pass

        codes = set[str]()
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            open_tunnel(Proxy("127.0.0.1", server.getsockname()[1]), HOST, 443, 5).close()
        except AppError as refused:
            codes.add(refused.code)
        thread.join()

    assert codes <= {"NET001", "NET002", "NET003", "NET004"}


# ------------------------------------------------------------------------------- Airflow, doctor


def asking(url: str, network: Network) -> str:
    client = AirflowClient(url, "windlass", "secret", network=network)
    try:
        return client.version()
    finally:
        client.close()


def test_airflow_is_asked_by_tls_and_through_the_proxy(
    authority: LocalAuthority, proxy: LocalProxy
) -> None:
    proxy.names["airflow.inside.example"] = "127.0.0.1"
    with serving(authority.server_context("airflow.inside.example")) as told:
        told.answer = lambda path, query: {"version": "3.3.2"}
        url = told.url.replace("127.0.0.1", "airflow.inside.example")

        assert asking(url, through(proxy, authority)) == "3.3.2"
        unbelieved = failure(asking, url, through(proxy))
        proxy.password = "other"
        unknown = failure(asking, url, through(proxy, authority))
        away = failure(asking, url, Network(Proxy("127.0.0.1", 1)))

    assert [one.code for one in (unbelieved, unknown, away)] == ["AIR007", "NET002", "NET001"]
    assert "its issuer is CN=Windlass Local CA" in unbelieved.message


def test_airflow_without_tls_never_goes_through_a_proxy(proxy: LocalProxy) -> None:
    client = AirflowClient("http://airflow.inside.example", "windlass", "x", network=through(proxy))

    with pytest.raises(AppError):
        client.version()

    client.close()
    assert proxy.asked == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1", "[::ffff:7f00:1]"]
)
def test_an_airflow_at_an_address_that_is_not_public_is_not_asked(host: str) -> None:
    refused = failure(asking, f"http://{host}:9", Network(airflow_hosts=("airflow.example",)))

    assert refused.code == "AIR008"


def resolve_to(monkeypatch: pytest.MonkeyPatch, host: str, *addresses: str) -> None:
    found = [(2, 1, 6, "", (address, 0)) for address in addresses]
    real = socket.getaddrinfo

    def resolve(name: Any, *rest: Any, **more: Any) -> Any:
        return found if name == host else real(name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "airflow.inside.example"])
def test_an_airflow_is_asked_where_it_may_be_by_its_own_name(
    authority: LocalAuthority, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    resolve_to(monkeypatch, "airflow.inside.example", "127.0.0.1")
    network = Network(authorities=read_authorities(authority.file), airflow_hosts=(allowed,))
    with serving(authority.server_context("airflow.inside.example")) as told:
        told.answer = lambda path, query: {"version": "3.3.2"}
        url = told.url.replace("127.0.0.1", "airflow.inside.example")

        assert asking(url, network) == "3.3.2"


def test_a_name_with_several_addresses_is_asked_at_the_one_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve_to(monkeypatch, "airflow.inside.example", "::1", "127.0.0.1")
    with serving() as told:
        told.answer = lambda path, query: {"version": "3.3.2"}
        url = told.url.replace("127.0.0.1", "airflow.inside.example")

        assert asking(url, Network(airflow_hosts=("127.0.0.0/8", "::1"))) == "3.3.2"


def test_through_a_proxy_only_an_airflow_that_is_named_is_asked(proxy: LocalProxy) -> None:
    network = replace(through(proxy), airflow_hosts=("other.example",))

    refused = failure(asking, "https://airflow.inside.example", network)

    assert (refused.code, proxy.asked) == ("AIR008", [])


def test_doctor_looks_at_the_ways_out(
    context: Context,
    registration: Registration,
    far: tuple[str, Remote],
    proxy: LocalProxy,
    authority: LocalAuthority,
) -> None:
    remote = far[1]
    network = through(proxy, authority)
    there = replace(context, network=network, allowed_hosts=(HOST,))
    repository = register(there, registration, url=remote.url)
    run_sync(there, repository)

    def look(network: Network) -> dict[str, tuple[Condition, str]]:
        place = Place(
            context.store.root, context.store.root, "http://127.0.0.1:1", None, 365, lambda: network
        )
        rows = examine(place, lambda way: replace(there, network=way))
        return {row.subject: (row.condition, row.found) for row in rows}

    found, host = look(network), f"git host {HOST}:{remote.parsed.port}"
    proxy.status = 403
    forbidden = look(network)[host]
    doubtful = look(replace(network, authorities=Authorities(), no_proxy=()))[host]

    assert found["authority"][1].startswith("CN=Windlass Local CA, until ")
    assert found["proxy"] == (Condition.OK, f"127.0.0.1:{proxy.port} answers")
    assert found[host] == (
        Condition.OK,
        f"reached by https through the proxy 127.0.0.1:{proxy.port}",
    )
    assert (forbidden[0], forbidden[1][:6]) == (Condition.FAILED, "NET003")
    assert doubtful[0] is Condition.FAILED
