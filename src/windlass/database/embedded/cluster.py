"""How the data is made and a server launched on it: the commands, their settings, the files."""

import io
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from windlass.database.embedded.account import Account
from windlass.domain.errors import Unavailable

SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT_BYTES = 100  # sun_path holds 108 bytes on Linux and 104 on macOS: unix(7)

_CLOSED = {"listen_addresses": "", "unix_socket_permissions": "0700"}
# Given on every start, so that a newer Windlass brings its settings to older clusters.
_SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "50",
    "jit": "off",
    # Every process costs memory, and version 18 has three I/O workers by default.
    "io_method": "sync",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "2",
    "autovacuum_max_workers": "2",
    "autovacuum_worker_slots": "2",
    "max_wal_size": "256MB",
    # Clients report their own errors; the log would repeat their statements, values included.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Cluster:
    """What lies in `folder`; every process started here inherits `lock`, a descriptor."""

    folder: Path
    account: Account
    programs: Path
    durable: bool
    lock: int | None = None
    settings: Mapping[str, str] = field(default_factory=lambda: _SETTINGS)

    def make(self) -> None:
        """Make the data where there is none. Of which version it is, `upgrade` has looked."""
        if (self.folder / "data" / "PG_VERSION").exists():
            return
        unfinished = self.folder / "data.new"  # renamed at last: a half-made one is never used
        if unfinished.exists():
            shutil.rmtree(unfinished)
        with open_file(self.folder, "password") as file:
            file.truncate(0)
            file.write(secrets.token_urlsafe(32).encode())
            os.fsync(file.fileno())  # data whose password was lost would be locked for ever
        self._make(
            *("initdb", f"--pgdata={unfinished}", "--username=windlass", "--auth=scram-sha-256"),
            *(f"--pwfile={self.folder / 'password'}", "--encoding=UTF8", "--no-instructions"),
            # The builtin provider sorts the same on every system: no libc upgrade breaks an index.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *([] if self.durable else ["--no-sync"]),
        )
        single = ("postgres", "--single", "-D", str(unfinished), "-c", "exit_on_error=on")
        self._make(*single, "postgres", text="CREATE DATABASE windlass\n")
        unfinished.rename(self.folder / "data")
        if self.durable:
            os.sync()  # the rename too must outlive a power loss

    def launch(self) -> None:
        """Start a server and return at once. None may run: what a killed one left is removed."""
        data = self.folder / "data"
        # PostgreSQL does not start while the process id in its lock file belongs to a process of
        # the same account, which after a reboot or in a container may be any.
        (data / "postmaster.pid").unlink(missing_ok=True)
        settings = {**_CLOSED, **self.settings, **({} if self.durable else _NOT_DURABLE)}
        settings["unix_socket_directories"] = str(self._make_socket_folder())
        server = [str(self.programs / "postgres"), "-D", str(data)]
        server += [f"--{name}={value}" for name, value in settings.items()]
        # The shell leaves at once, so the server is nobody's child: it needs no one to reap it,
        # and lies in a session where a Ctrl-C of our terminal does not reach it.
        argv = ["/bin/sh", "-c", '"$@" </dev/null &', "sh", *server]
        with open_file(self.folder, "server.log") as log:
            self.account.run(argv, inherited=self.lock, output=log.fileno())

    def _make(self, program: str, *arguments: str, text: str = "") -> None:
        argv = [str(self.programs / program), *arguments]
        result = self.account.run(argv, inherited=self.lock, text=text)
        if result.returncode:
            output = result.stdout.replace((self.folder / "password").read_text(), "***")
            raise Unavailable(
                "PG006",
                f"{self.folder}: the database could not be made.{tail(output)}",
                "Correct what the last lines say, such as a full disk, then start again.",
            )

    def _make_socket_folder(self) -> Path:
        place = self.folder / "socket"
        if _fits(place):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(0o700)
        else:
            place = Path(tempfile.mkdtemp(prefix="windlass-", dir="/tmp"))
        self.account.take(place)
        return place


def open_file(folder: Path, name: str) -> io.FileIO:
    """Open a file of the folder's owner to read and append; it is made where it is missing."""
    # Root must not follow a link that the server's account may have put here.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    file = io.FileIO(os.open(folder / name, flags, 0o600), "a+")
    owner = folder.stat()
    if os.fstat(file.fileno()).st_uid != owner.st_uid:
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def tail(text: str) -> str:
    """Return the last lines, each on a line of its own below a message."""
    lines = [line for line in text.splitlines() if line.strip()][-8:]
    return "".join(f"\n  {line}" for line in lines)


def _fits(place: Path) -> bool:
    # Commas separate hosts for libpq, colons ports for SQLAlchemy; the server's list has quotes.
    path = str(place / SOCKET_NAME)
    plain = re.fullmatch(r"[\w/.+@~-]+", path, re.ASCII) is not None
    return plain and len(path) < _SOCKET_PATH_LIMIT_BYTES
