"""The life of one embedded server: started, found again, stopped."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from windlass.database.embedded.account import USE_ANOTHER, Account, account_for
from windlass.database.embedded.cluster import SOCKET_NAME, Cluster, open_file, tail
from windlass.database.embedded.programs import programs_for
from windlass.database.embedded.upgrade import needs_upgrade, upgrade
from windlass.domain.errors import Invalid, Unavailable

_LOG_LIMIT_BYTES = 1_000_000
_START_NEEDS_BYTES = 1_000_000


class EmbeddedPostgres:
    """One PostgreSQL server under `folder`, reached by a Unix socket only.

    Any number of objects and processes may share a folder: the first start makes the server, later
    ones attach to it, and it outlives them all until `stop`. `account` is who runs it where we are
    root and the folder's nearest existing parent is root's too. `durable=False` trades safety on
    power loss for speed and is for test suites only.

    Every process of the server inherits a lock on `server.lock`, so a free lock proves that none
    is left; unlike a process id it is never reused.
    """

    def __init__(self, folder: Path, *, account: str = "nobody", durable: bool = True) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._account_name = account
        self._durable = durable

    def start(self) -> str:
        """Return the URL of a running server, which is made and started where needed.

        Calling it again is cheap and caps the log, so a supervisor may call it on every tick.
        Raises Invalid where the folder, account or version cannot serve, Unavailable where
        PostgreSQL fails; the message then ends with its last lines. Blocks while another process
        starts or stops the server, 60 s for a recovery and minutes for a first creation.
        """
        with self._explained():
            if not self.is_running():
                account = account_for(self._folder, self._account_name)
                account.make_folder(self._folder)
                with self._locked("start.lock"):
                    self._settle()
                    if not self.is_running():
                        self._end()  # killed, or a cleaner of /tmp deleted its socket
                        self._launch(account)
            self._cap_log()
            return self.url()

    def stop(self) -> None:
        """Shut down fast and return when no process of the server is left; safe if none runs.

        Open connections are ended. Raises Unavailable where the server survives for 40 s.
        """
        with self._explained():
            if (self._folder / "start.lock").exists():
                with self._locked("start.lock"):
                    place = self._socket_folder()
                    self._end()
                    if place is not None:
                        with contextlib.suppress(OSError):  # not empty, or gone: both are fine
                            place.rmdir()

    def is_running(self) -> bool:
        """Tell whether the server is ready and can be reached at its socket.

        Raises Invalid where this process may not read the folder.
        """
        with self._explained():
            place = self._socket_folder()
            return place is not None and _accepts(place / SOCKET_NAME)

    def url(self) -> str:
        """Return the libpq URL of the running server; it holds the password.

        Raises Unavailable PG001 where no server runs, Invalid where the password is out of reach.
        """
        with self._explained():
            place = self._socket_folder()
            if place is None or not _accepts(place / SOCKET_NAME):
                raise Unavailable(
                    "PG001",
                    f"{self._folder}: no database server is running here.",
                    f"Start it with `windlass up`, {USE_ANOTHER}.",
                )
            login = f"windlass:{quote(self._password(), safe='')}"
            # Without the port, PGPORT of the caller's environment would decide.
            return f"postgresql://{login}@/windlass?host={quote(str(place))}&port=5432"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise Invalid(
                "PG009",
                f"{error.filename or self._folder}: uid {os.geteuid()} may not use it.",
                f"Run Windlass as the account that owns {self._folder}, {USE_ANOTHER}.",
            ) from error
        except OSError as error:
            raise Unavailable(
                "PG006",
                f"{error.filename or self._folder}: {error.strerror or error}",
                "Free space or repair the disk, then start again.",
            ) from error

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[int]:
        with open_file(self._folder, name) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # its holders wait for nothing without a limit
            yield file.fileno()

    def _launch(self, account: Account) -> None:
        cluster = Cluster(self._folder, account, programs_for(account), self._durable)
        if needs_upgrade(self._folder):
            upgrade(cluster, make=self._make, run=self._run)
        self._make(cluster)
        self._start(cluster)

    def _make(self, cluster: Cluster) -> None:
        with self._locked("server.lock") as lock:
            replace(cluster, lock=lock).make()

    def _run(self, cluster: Cluster, use: Callable[[str], None]) -> None:
        """Have a server run on the cluster while `use` does."""
        self._start(cluster)
        try:
            use(self.url())
        finally:
            self._end()

    def _start(self, cluster: Cluster) -> None:
        with self._locked("server.lock") as lock:  # the server holds on to it
            replace(cluster, lock=lock).launch()
        self._settle()
        if not self.is_running():
            raise Unavailable(
                "PG007",
                f"{self._folder}: the database server did not start.{self._last_lines()}",
                self._hint_at_start(),
            )

    def _hint_at_start(self) -> str:
        if shutil.disk_usage(self._folder).free < _START_NEEDS_BYTES:  # its log is not written then
            return "Its disk is full: free space, then start again."
        return f"All of its messages are in {self._folder / 'server.log'}."

    def _settle(self) -> None:
        """Wait until a server is ready or none is left, as long as pg_ctl waits for a recovery."""
        if not _wait_until(lambda: self._pid_file()[7:] == ["ready"] or self._is_gone(), 60.0):
            raise Unavailable(
                "PG007",
                f"{self._folder}: the database server runs but is not ready.{self._last_lines()}",
                "It may be recovering from a crash: wait, then try again.",
            )

    def _end(self) -> None:
        for request, patience_s in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):
            pid = None if self._is_gone() else self._postmaster()
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, request)  # "fast", then "immediate": postgres(1)
            if _wait_until(self._is_gone, patience_s):
                return
        raise Unavailable(
            "PG008",
            f"{self._folder}: the database server does not stop.{self._last_lines()}",
            "End its processes, then try again.",
        )

    def _is_gone(self) -> bool:
        with open_file(self._folder, "server.lock") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _password(self) -> str:
        try:
            return (self._folder / "password").read_text("ascii").strip()
        except FileNotFoundError as error:
            raise Invalid(
                "PG009",
                f"{self._folder / 'password'}: missing, but the database exists.",
                "Put the file back from your backup of $WINDLASS_HOME.",
            ) from error

    def _last_lines(self) -> str:
        with open_file(self._folder, "server.log") as log:
            return tail(log.read().decode(errors="replace"))

    def _cap_log(self) -> None:
        with open_file(self._folder, "server.log") as log:
            if log.seek(0, os.SEEK_END) > _LOG_LIMIT_BYTES:
                log.seek(-_LOG_LIMIT_BYTES, os.SEEK_END)
                with open_file(self._folder, "server.log.1") as older:
                    older.truncate(0)
                    older.write(log.read(_LOG_LIMIT_BYTES))
                log.truncate(0)  # the server appends, so this is safe while it runs

    def _pid_file(self) -> list[str]:
        """The lines of `postmaster.pid`, as pidfile.h of PostgreSQL lists them; [] without it."""
        with contextlib.suppress(FileNotFoundError):
            text = (self._data / "postmaster.pid").read_text("utf-8", "replace")
            return [line.strip() for line in text.splitlines()]
        return []

    def _socket_folder(self) -> Path | None:
        """Return where a server that was ready made its socket; None where none is to be used."""
        lines = self._pid_file()
        with contextlib.suppress(FileNotFoundError):
            if lines[7:] == ["ready"]:
                found = Path(lines[4]).lstat()
                ours = (self._folder.stat().st_uid, stat.S_IFDIR | 0o700)
                # /tmp is open to all: a folder of another owner is a trap for our password.
                return Path(lines[4]) if (found.st_uid, found.st_mode) == ours else None
        return None

    def _postmaster(self) -> int | None:
        """Return the postmaster's process id; None where it is another process's by now."""
        with contextlib.suppress(OSError):
            for pid in self._pid_file()[:1]:
                # Elsewhere we trust the file, as pg_ctl does.
                if sys.platform != "linux" or Path(f"/proc/{pid}/cwd").readlink() == self._data:
                    return int(pid)
        return None


def _wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(2.0)
        client.connect(str(path))
        return True
    return False
