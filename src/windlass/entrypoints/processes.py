"""The one door to child processes that entry points start: long-running ones and git's CGI program.

`windlass up`, `windlass demo` and their tests use it. Nothing here knows what the children do.
git for repositories runs in `git/`, DAG imports in `sandbox/`: never through this module.
"""

import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NamedTuple, Protocol, Self

from windlass.domain.errors import AppError, Invalid, Unavailable
from windlass.domain.events import Event

KILL_WAIT_S = 5.0
POLL_S = 0.02
LOG_TAIL_BYTES = 64 * 1024
FIRST_RESTART_S = 0.5
LAST_RESTART_S = 30.0
STEADY_S = 60.0
"""A child that lived this long has its restart delay set back to FIRST_RESTART_S."""
PR_SET_PDEATHSIG = 1
"""Linux, include/uapi/linux/prctl.h."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ProcessId(NamedTuple):
    """A process for certain: a pid alone may have been given to another one since."""

    pid: int
    started_ticks: int


class _Row(NamedTuple):
    id: ProcessId
    parent: int
    group: int
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start. `env` is the child's whole environment; argv[0] is looked up on our PATH.

    With `log_path` stdout and stderr are appended to that file (made 0600); with None the child
    writes where we do. `umask` -1 keeps ours.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    log_path: Path | None = None
    umask: int = -1


class OnEvent(Protocol):
    """Where `supervise` says what happens: a `subject:action` name and facts without secrets."""

    def __call__(self, name: str, /, **facts: object) -> None: ...


class ChildProcess:
    """One long-running child in a session of its own, started at once and ended for certain.

    On Linux it gets SIGTERM when the thread that made it ends, so also when we are killed with
    SIGKILL: make it on a thread that lives as long as the child. The signal is not SIGKILL because
    that would leave the child's own children as orphans (Airflow's scheduler: its task workers).
    """

    def __init__(self, command: Command) -> None:
        self._log_path = command.log_path
        self._family: set[ProcessId] = set()
        self._reaped = False
        self._was_asked = False
        self._leader = _spawn(command)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._leader.pid

    @property
    def is_alive(self) -> bool:
        return self.returncode is None

    @property
    def returncode(self) -> int | None:
        """None while the child runs; -N when signal N ended it."""
        code = self._leader.poll()
        if code is not None and not self._reaped:
            # Its pid is free from now on: note at once who shares its group, before another gets it
            self._reaped = True
            self._family = _members(self.pid, self._family, leader_runs=True)
        return code

    def pids(self) -> frozenset[int]:
        """Return the child and every descendant seen so far that still runs.

        Descendants in sessions of their own count from the moment one of our looks saw them below
        a member. Where there is no /proc, only the child itself is seen.
        """
        leader_runs = self.is_alive
        self._family = _members(self.pid, self._family, leader_runs=leader_runs)
        return frozenset(member.pid for member in self._family)

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code, or None when the child still runs after the time."""
        with suppress(subprocess.TimeoutExpired):
            self._leader.wait(max(timeout_s, 0))
        return self.returncode

    def terminate(self) -> None:
        """Ask the child, not its descendants, to end; return at once."""
        self.pids()
        if self.is_alive:
            self._was_asked = True
            self._leader.terminate()

    def stop(self, grace_s: float = 10.0) -> None:
        """End the child and all its descendants; on return none is left and it is reaped.

        The child gets SIGTERM, what outlives it gets SIGTERM then, and whatever runs after
        `grace_s` gets SIGKILL. Raises Unavailable (PROC001) when even that leaves one.
        """
        if not self._was_asked:  # one signal asks; a second could cut short how it ends
            self.terminate()
        if self._gone_within(grace_s, signal.SIGTERM):
            return
        if self.is_alive:
            self._leader.kill()
        if sys.platform != "linux":  # no /proc to find the members one by one
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if not self._gone_within(KILL_WAIT_S, signal.SIGKILL):
            left = ", ".join(map(str, sorted(self.pids())))
            raise Unavailable("PROC001", f"processes {left} outlived SIGKILL", "Look at dmesg.")

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the log file, of its last 64 KB at most; '' without a log."""
        if self._log_path is None or not self._log_path.exists():
            return ""
        with self._log_path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            return b"".join(deque(log, maxlen=lines)).decode(errors="replace")

    def _gone_within(self, timeout_s: float, to_the_rest: signal.Signals) -> bool:
        deadline = time.monotonic() + timeout_s
        told: set[int] = set()
        while rest := self.pids() | ({self.pid} if self.is_alive else set()):
            if time.monotonic() >= deadline:
                return False
            if not self.is_alive or to_the_rest is signal.SIGKILL:
                _send(rest - told, to_the_rest)
                told |= rest
            self.wait(POLL_S) if self.is_alive else time.sleep(POLL_S)
        return True


def stop_all(children: Iterable[ChildProcess], grace_s: float = 10.0) -> None:
    """End several children at the same time, within one grace. Raises as `ChildProcess.stop`."""
    ours = list(children)
    deadline = time.monotonic() + grace_s
    for child in ours:
        child.terminate()
    failures = []
    for child in ours:
        try:
            child.stop(max(deadline - time.monotonic(), 0))
        except Unavailable as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@contextmanager
def piped(argv: Sequence[str], *, env: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a short-lived child with pipes for stdin and stdout; kill it if the block ends first."""
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def run_to_end(
    argv: Sequence[str], *, env: Mapping[str, str], timeout_s: float, cwd: Path | None = None
) -> str:
    """Return the stdout of a short run. Raises Unavailable (PROC002) on failure or timeout."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s, check=True
        )
    except subprocess.CalledProcessError as error:
        raise Unavailable("PROC002", f"{argv[0]} failed: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable("PROC002", f"{argv[0]} took over {timeout_s:g} s") from error
    return done.stdout


def check_port(port: int, *, part: str = "the API", remedy: str = "set WINDLASS_API_PORT") -> None:
    """Refuse a port of 127.0.0.1 that a part cannot have: Invalid CFG005."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Invalid(
            "CFG005",
            f"{part} cannot have port {port} of 127.0.0.1: {os.strerror(error.errno or 0)}",
            f"Stop what uses it, such as another `windlass up`, or {remedy}.",
        ) from error


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free just now; another process may take it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Have the first SIGTERM raise SystemExit(0) within the block, and later ones do nothing: what
    was started is then stopped on the way out. Only on the main thread."""

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def supervise(
    commands: Mapping[str, Command],
    *,
    on_event: OnEvent,
    on_tick: Callable[[], object] = lambda: None,
    grace_s: float = 20.0,
) -> int:
    """Keep the named children running until SIGTERM (returns 0) or SIGINT (returns 130).

    One that ends is started again after 0.5 s, doubling to 30 s, from the start again once it lived
    for 60 s. `on_tick` is called every second or oftener; an AppError of it is told, and changes
    nothing. Takes over SIGTERM, SIGINT and SIGCHLD while it runs, so only on the main thread.
    """
    slots = [_Slot(name, command, on_event) for name, command in commands.items()]
    with _Wakeup((signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)) as wakeup:
        try:
            while not (asked := wakeup.received & {signal.SIGTERM, signal.SIGINT}):
                wakeup.wait(min((slot.tend() for slot in slots), default=1.0))
                _tick(on_tick, on_event)
            on_event(Event.PROCESS_STOPPING, signal=min(asked).name)
        finally:
            stop_all((slot.child for slot in slots if slot.child), grace_s)
        on_event(Event.PROCESS_STOPPED)
    return 130 if signal.SIGINT in asked else 0


def _tick(on_tick: Callable[[], object], on_event: OnEvent) -> None:
    try:
        on_tick()
    except AppError as error:
        on_event(Event.TICK_FAILED, code=error.code, message=error.message)


class _Slot:
    """One supervised name: its present child, if any, and when to start the next."""

    def __init__(self, name: str, command: Command, on_event: OnEvent) -> None:
        self.child: ChildProcess | None = None
        self._name, self._command, self._on_event = name, command, on_event
        self._delay_s = FIRST_RESTART_S
        self._due = self._started = time.monotonic()

    def tend(self) -> float:
        """Start the child if it is due, note its end; return in how many seconds to look again."""
        now = time.monotonic()
        if self.child is None and now >= self._due:
            self._start(now)
        if self.child is None:
            return max(self._due - now, 0)
        self.child.pids()
        if (code := self.child.returncode) is not None:
            self.child.stop()
            self.child = None
            self._back_off(now, returncode=code)
        return 1.0

    def _start(self, now: float) -> None:
        try:
            self.child = ChildProcess(self._command)
        except OSError as error:
            self._back_off(now, error=str(error))
        else:
            self._started = now
            self._on_event(Event.PROCESS_STARTED, child=self._name, pid=self.child.pid)

    def _back_off(self, now: float, **why: object) -> None:
        if now - self._started >= STEADY_S:
            self._delay_s = FIRST_RESTART_S
        self._on_event(Event.PROCESS_ENDED, child=self._name, restart_in_s=self._delay_s, **why)
        self._due = now + self._delay_s
        self._delay_s = min(self._delay_s * 2, LAST_RESTART_S)


class _Wakeup:
    """Signals as a set to look at and a pipe to wait on.

    Not a threading.Event: its `set` in a handler can deadlock with the `wait` it interrupts, for
    both run on the main thread and take one lock that is not re-entrant.
    """

    def __init__(self, signals: Iterable[signal.Signals]) -> None:
        self.received: set[signal.Signals] = set()
        self._signals = tuple(signals)

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._before = {number: signal.signal(number, self._note) for number in self._signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, timeout_s: float) -> None:
        """Return when a signal came since the last wait, or after the time."""
        if select.select([self._reader], [], [], timeout_s)[0]:
            os.read(self._reader, 4096)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received.add(signal.Signals(number))
        with suppress(BlockingIOError):
            os.write(self._writer, b"\0")


def _spawn(command: Command) -> "subprocess.Popen[bytes]":
    log = None
    if command.log_path is not None:
        log = os.open(command.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command.argv,
            env=command.env,
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=command.umask,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- one system call, no lock is taken
        )
    finally:
        if log is not None:
            os.close(log)


def _die_with_parent() -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def in_the_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return in_the_child


def _members(leader: int, known: Iterable[ProcessId], *, leader_runs: bool) -> set[ProcessId]:
    """Return those of `known` that run, all of the leader's group and session, and all below.

    Once the leader is reaped its number means its group only as long as a known member is in it.
    """
    table = _process_table()
    found = {row.id for row in table} & set(known)
    group = {row.id for row in table if leader in (row.id.pid, row.group, row.session)}
    if leader_runs or group & found:
        found |= group
    while True:
        pids = {member.pid for member in found}
        below = {row.id for row in table if row.parent in pids}
        if below <= found:
            return found
        found |= below


def _process_table() -> list[_Row]:
    """Read every process of this machine that is not a zombie; [] where there is no /proc."""
    rows: list[_Row] = []
    with suppress(FileNotFoundError), os.scandir("/proc") as entries:
        pids = (int(entry.name) for entry in entries if entry.name.isdecimal())
        rows.extend(row for pid in pids if (row := _read_row(pid)))
    return rows


def _read_row(pid: int) -> _Row | None:
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)  # by pathlib it takes three times as long
    except FileNotFoundError:
        return None
    try:
        text = os.read(file, 4096)
    except ProcessLookupError:
        return None
    finally:
        os.close(file)
    # proc(5): the second field is the name in parentheses and may itself hold blanks and brackets
    state, parent, group, session, *rest = text.rpartition(b")")[2].split()
    if state in b"ZX":
        return None
    return _Row(ProcessId(pid, int(rest[15])), int(parent), int(group), int(session))


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
