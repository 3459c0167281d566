"""A real SSH server on loopback that runs git's own commands, with an authority over its keys.

By default it is asyncssh's, which needs neither an account nor a system package. Where
WINDLASS_TEST_SSHD names an OpenSSH sshd, every test runs against that one instead.
"""

import asyncio
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, socket

import asyncssh

_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
AuthorizedKeysFile {authorized}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
"""


@dataclass
class SshServer:
    """Serves the repositories below `root` by their paths, to whoever has the key `client_key`."""

    root: Path
    folder: Path
    port: int = 0

    @property
    def client_key(self) -> Path:
        return self.folder / "client"

    @property
    def host_key(self) -> Path:
        return self.folder / "host"

    def url(self, name: str) -> str:
        user = os.environ.get("USER", "root") if _sshd() else "git"
        return f"ssh://{user}@127.0.0.1:{self.port}{self.root}/{name}.git"

    def known_hosts(self, key: Path | None = None) -> str:
        kind, body = (key or self.host_key).with_suffix(".pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {body}\n"

    def new_host_key(self) -> None:
        """Give the host another key, as one does that was set up anew, or that is not the host."""
        make_key(self.host_key)

    @contextmanager
    def running(self) -> Iterator[None]:
        with _openssh(self) if _sshd() else _asyncssh(self):
            yield


def make_key(path: Path, passphrase: str = "") -> None:
    for old in (path, path.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True)


def fingerprint(key: Path) -> str:
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key)], check=True, capture_output=True, text=True
    )
    return listed.stdout.split()[1]


def _sshd() -> str | None:
    return os.environ.get("TEST_SSHD")


async def _serve(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    words = shlex.split(process.command or "")
    if not words or words[0] not in ("git-upload-pack", "git-receive-pack"):
        process.exit(128)
        return
    protocol = process.env.get("GIT_PROTOCOL", "")
    child = await asyncio.create_subprocess_exec(
        *words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "GIT_PROTOCOL": protocol, **_NO_OWNER_CHECK},
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
    process.exit(await child.wait())
    feeding.cancel()


async def _feed(source: "asyncssh.SSHReader[bytes]", target: asyncio.StreamWriter) -> None:
    """By hand: a redirection leaves a coroutine behind where the other side hangs up."""
    with suppress(OSError, asyncssh.Error):
        await _pump(source, target)
        target.close()


async def _pump(
    source: "asyncio.StreamReader | asyncssh.SSHReader[bytes]",
    target: "asyncio.StreamWriter | asyncssh.SSHWriter[bytes]",
) -> None:
    """All of it is sent before the exit status, which a redirection does not promise."""
    while piece := await source.read(65_536):
        target.write(piece)
        await target.drain()


_NO_OWNER_CHECK = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


@contextmanager
def _asyncssh(server: SshServer) -> Iterator[None]:
    loop = asyncio.new_event_loop()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            server.port,
            server_host_keys=[str(server.host_key)],
            authorized_client_keys=str(server.folder / "authorized"),
            process_factory=_serve,
            encoding=None,
            reuse_address=True,
        )

    async def stop() -> None:
        acceptor.close()
        await acceptor.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    acceptor = loop.run_until_complete(start())
    server.port = acceptor.get_port()
    thread = threading.Thread(target=loop.run_forever, name="ssh-server")
    thread.start()
    yield
    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@contextmanager
def _openssh(server: SshServer) -> Iterator[None]:
    if not server.port:
        with socket() as free:
            free.bind(("127.0.0.1", 0))
            server.port = free.getsockname()[1]
    config = server.folder / "sshd_config"
    text = _SSHD.format(
        port=server.port, host_key=server.host_key, authorized=server.folder / "authorized"
    )
    config.write_text(text)
    sshd = _sshd()
    assert sshd
    with subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=sys.stderr) as process:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), create_connection(("127.0.0.1", server.port), 1):
                break
            time.sleep(0.02)
        yield
        process.terminate()
