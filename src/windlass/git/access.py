"""How git gets in at a remote: the transport, the judged address, and what proves who asks.

Secrets never reach a command line, an environment, a URL or a file with a name: they are written
into memory of this process (memfd_create(2)), which git and ssh open by its number below /proc and
which is gone when the command ends, or when this process dies in any way. Where there is no /proc
(macOS), it is a file of mode 0600 that lives as long.
"""

import base64
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from windlass.domain.errors import AppError, Forbidden, Invalid
from windlass.domain.ref import Ref
from windlass.domain.remote import RemoteUrl, parse_remote_url
from windlass.git.guard import judge_name, judged_addresses, pin_addresses
from windlass.git.process import Access
from windlass.git.ssh import ssh_command
from windlass.network.addresses import Address, is_address
from windlass.network.proxies import STRAIGHT, Network, Proxy


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """User and password for one host; the password never shows in a repr."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class SshAuth:
    """A private key in OpenSSH's form, without passphrase, and the lines of known_hosts that the
    host must match."""

    private_key: str = field(repr=False)
    known_hosts: str


OpenedAuth = BasicAuth | SshAuth


@dataclass(frozen=True, slots=True)
class LateAuth:
    """A login that is opened only when git needs it: `first` gives it, `other` what to try where
    that was refused, None where there is nothing else. Both may ask other machines, and raise
    AppError."""

    first: Callable[[], OpenedAuth] = field(repr=False)
    other: Callable[[], OpenedAuth | None] = field(repr=False)


Auth = OpenedAuth | LateAuth


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where git may go, and which way: `hosts` that may be private (see `git.guard`), and `folders`
    below which file URLs are allowed."""

    hosts: Sequence[str] = ()
    folders: Sequence[Path] = ()
    network: Network = STRAIGHT


@dataclass(frozen=True, slots=True)
class Remote:
    """A ref of a repository somewhere, and how to get in."""

    url: str
    ref: Ref
    auth: Auth | None = None
    boundary: Boundary = Boundary()

    @property
    def parsed(self) -> RemoteUrl:
        return parse_remote_url(self.url)

    def opened(self) -> OpenedAuth | None:
        """How to get in, opened where that comes late; raises as it does."""
        return self.auth.first() if isinstance(self.auth, LateAuth) else self.auth


def way_to(url: RemoteUrl, boundary: Boundary) -> Proxy | list[Address]:
    """The proxy that leads to the host of an http(s) URL, else the addresses to connect to.

    Raises what `git.guard.judge_name` and `git.guard.judged_addresses` do.
    """
    proxy = boundary.network.proxy_for(url.scheme, url.host)
    if proxy is None:
        return judged_addresses(url, boundary.hosts)
    judge_name(url, boundary.hosts, proxy)
    return proxy


@contextlib.contextmanager
def access_to(remote: Remote) -> Iterator[Access]:
    """What one git command needs to reach the remote, until the context ends.

    Raises what `way_to` and `git.guard.pin_addresses` do, Forbidden GIT017 for a folder that no
    setting opens, and Invalid GIT018 where the credential is not of the kind that the URL wants.
    """
    url = remote.parsed
    if url.scheme == "ssh":
        with _ssh(url, remote) as access:
            yield access
    elif url.scheme == "file":
        _check_folder(url, remote.boundary.folders)
        with private_file("[safe]\n\tdirectory = *\n") as path:
            yield Access(environment={"GIT_ALLOW_PROTOCOL": "file", "GIT_CONFIG_GLOBAL": path})
    else:
        with _http(url, remote) as access:
            yield access


@contextlib.contextmanager
def private_file(content: str) -> Iterator[str]:
    """A path under which children of this process, and nobody else, can read `content`."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").exists():
        number = os.memfd_create("windlass")
        try:
            os.fchmod(number, 0o600)  # ssh refuses keys that others could read
            with os.fdopen(os.dup(number), "wb") as file:
                file.write(content.encode())
            yield f"/proc/{os.getpid()}/fd/{number}"
        finally:
            os.close(number)
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        yield file.name


@contextlib.contextmanager
def _http(url: RemoteUrl, remote: Remote) -> Iterator[Access]:
    way = way_to(url, remote.boundary)
    config = {} if isinstance(way, Proxy) else pin_addresses(url, way)
    environment = {"GIT_ALLOW_PROTOCOL": url.scheme}
    text, secrets = "", tuple[str, ...]()
    if authorities := remote.boundary.network.authorities.bundle:
        config["http.sslCAInfo"] = authorities
    if isinstance(way, Proxy):
        text += f'[http]\n\tproxy = "{way.secret_url}"\n\tproxyAuthMethod = basic\n'
        secrets += way.secrets
    auth = remote.opened()
    if isinstance(auth, BasicAuth):  # a key is of no use here; the host may be public
        # Sent with the first request: no 401 in between, and no credential helper with its shell.
        host = f"[{url.host}]" if ":" in url.host else url.host
        origin = f"{url.scheme}://{host}:{url.port}/"
        text += f'[http "{origin}"]\n\textraHeader = "Authorization: {auth.header}"\n'
        secrets += (auth.password, auth.header.partition(" ")[2])
    if not text:
        yield Access(config, environment)
        return
    with private_file(text) as path:
        environment["GIT_CONFIG_GLOBAL"] = path
        yield Access(config, environment, secrets)


@contextlib.contextmanager
def _ssh(url: RemoteUrl, remote: Remote) -> Iterator[Access]:
    auth = remote.opened()
    if not isinstance(auth, SshAuth):
        raise Invalid(
            "GIT018",
            f"{url} is asked by ssh, which wants a private key",
            "Give one with --ssh-key FILE.",
        )
    address = judged_addresses(url, remote.boundary.hosts)[0]
    with private_file(auth.private_key) as key, private_file(auth.known_hosts) as hosts:
        command = ssh_command(url, address, key_path=key, known_hosts_path=hosts)
        environment = {
            "GIT_ALLOW_PROTOCOL": "ssh",
            "GIT_SSH_COMMAND": command,
            "GIT_SSH_VARIANT": "ssh",
        }
        yield Access(environment=environment)


def refused_here(url: RemoteUrl, boundary: Boundary) -> AppError | None:
    """Why these settings refuse a remote, as far as that is known without asking anybody: a folder
    that no setting opens, an address that is not public. A name is not looked up."""
    try:
        if url.scheme == "file":
            _check_folder(url, boundary.folders)
        elif url.host == "localhost" or is_address(url.host):
            way_to(url, boundary)
    except AppError as error:
        return error
    return None


def _check_folder(url: RemoteUrl, folders: Sequence[Path]) -> None:
    place = Path(url.path).resolve()
    if any(place.is_relative_to(folder.resolve()) for folder in folders):
        return
    raise Forbidden(
        "GIT017",
        f"{url} is a folder of the machine that Windlass runs on, and not one that it may read",
        "Whoever operates Windlass can name the folder above it in WINDLASS_ALLOW_FILE_URLS.",
    )
