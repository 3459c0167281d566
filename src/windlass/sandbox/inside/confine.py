"""Tiers of confinement: which of them this host offers, and how each is entered.

`namespaces`: of the machine, only the interpreter and the system's libraries are there, read-only,
and no network, process or account but its own; with seccomp, limits and, where Linux has it,
landlock. `landlock`: the same files, by rules instead of by absence. `limits`: seccomp, limits and
an account; what that account may read can be read.
"""

import os
import resource
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from windlass.sandbox.inside import kernel, seccomp

TIERS = ("namespaces", "landlock", "limits")
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store"),
    *("/usr/share/zoneinfo", "/usr/share/ca-certificates", "/etc/ssl", "/etc/pki"),
    *("/etc/ca-certificates", "/etc/ld.so.cache", "/etc/localtime", "/etc/timezone"),
    *("/etc/mime.types", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"),
)
_NAMESPACES = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
)
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
_MAX_FILE_BYTES = 8_000_000
_MAX_OPEN_FILES = 256
_MAX_THREADS = 256
_MAX_ANSWER = 1000
_TREES = "/windlass/trees"


@dataclass
class Room:
    """Where imports happen on this host.

    `work` holds the folders `trees`, `home` and `root`. `uid` and `gid` are the account of
    imports, -1 for the one that Windlass has. `readable` are the folders of the interpreter.
    `reads_all`: that account could not pass the folders above them, and reads by capability what
    landlock lets it. `statm` and `maps` are open files that tell the size of the zygote, and where
    its memory is.
    """

    work: str
    uid: int = -1
    gid: int = -1
    readable: list[str] = field(default_factory=list)
    tier: str = ""
    reads_all: bool = False
    statm: int = -1
    maps: int = -1

    def look_at_own_process(self) -> None:
        """Open what tells of this process, while its /proc is there."""
        self.statm = os.open("/proc/self/statm", os.O_RDONLY)
        self.maps = os.open("/proc/self/maps", os.O_RDONLY)

    @property
    def home(self) -> str:
        """The folder that Airflow takes for AIRFLOW_HOME."""
        return "/windlass/home" if self.tier == "namespaces" else f"{self.work}/home"

    @property
    def tmp(self) -> str:
        """The folder that each import may write in, with `namespaces`: a small one of its own."""
        is_taken = any(path.startswith("/tmp/") for path in self.readable)  # noqa: S108
        return "/windlass/tmp" if is_taken else "/tmp"  # noqa: S108

    def place_of(self, tree: str) -> str:
        """The path that a tree of `work` has for an import."""
        return "/dag" if self.tier == "namespaces" else f"{self.work}/trees/{tree}"


@dataclass(frozen=True)
class Caps:
    """What one import may use."""

    cpu_s: int
    memory_bytes: int


def probe(room: Room, tiers: list[str]) -> tuple[str, dict[str, str]]:
    """The first of the tiers that this host offers, and why those before it are not to be had.

    Each is entered in a process of its own, since one that fails halfway cannot be left. Empty
    where it offers none.
    """
    missing: dict[str, str] = {}
    for tier in tiers:
        reason = _reason_against(replace(room, tier=tier))
        if reason is None:
            return tier, missing
        missing[tier] = reason
    return "", missing


def enter(room: Room) -> int:
    """Enter the room's tier. With `namespaces` a child goes on, and its pid is returned in the
    parent, which stays outside. Else 0."""
    if room.tier == "namespaces":
        child = _enter_namespaces(room)
        if child:
            return child
    else:
        room.look_at_own_process()
    if room.tier != "namespaces" and room.uid >= 0:
        room.reads_all = room.tier == "landlock" and not _is_reachable(room)
        kernel.become(room.uid, room.gid, *_kept(room))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    return 0


def confine(room: Room, tree: str, caps: Caps) -> None:
    """Confine this process, a fork that is about to import a file of the tree, for good."""
    os.setsid()
    if room.tier == "namespaces":
        _narrow_view(room, tree)
    _limit(room, caps)
    kernel.keep_capabilities(*_kept(room))
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if room.tier != "limits" and kernel.landlock_abi():
        writable = [room.tmp] if room.tier == "namespaces" else []
        kernel.Landlock([*_SYSTEM, *room.readable, room.place_of(tree)], writable).enforce()
    if seccomp.is_known():
        try:
            seccomp.enforce(may_write=room.tier == "namespaces")
        except OSError:
            if room.tier != "limits":
                raise


def _kept(room: Room) -> list[int]:
    return [kernel.CAP_DAC_READ_SEARCH] if room.reads_all else []


def _reason_against(room: Room) -> str | None:
    """Why a tier is not to be had; None where it is, and holds."""

    def attempt() -> None:
        if room.tier != "limits" and not seccomp.is_known():
            raise OSError(0, f"there is no system call filter for {kernel.MACHINE}")
        if room.tier == "landlock" and not kernel.landlock_abi():
            raise OSError(0, "this Linux has no landlock, or does not use it")
        child = enter(room)
        if child:
            os.waitpid(child, 0)
            os._exit(0)
        confine(room, "", Caps(60, 16 << 30))
        _see_that_it_holds(room)

    answer = _in_child(attempt)
    return None if answer == "ok" else answer or "the attempt was killed"


def _see_that_it_holds(room: Room) -> None:
    """Raise where a confined process still reaches what it must not."""
    try:
        socket.socket().close()
    except OSError:
        pass
    else:
        if room.tier != "limits":
            raise OSError(0, "sockets can still be made")
    try:
        os.close(os.open("/etc/passwd", os.O_RDONLY))
    except OSError:
        return
    if room.tier != "limits":
        raise OSError(0, "files outside can still be read")


def _in_child(attempt: Callable[[], None]) -> str:
    """What comes of it in a child: `ok`, what was in the way, or nothing where it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "ok"
        try:
            attempt()
        except OSError as error:
            answer = error.strerror or str(error)
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    answer = ""
    while chunk := os.read(reading, _MAX_ANSWER):
        answer += chunk.decode("utf-8", "replace")
    os.close(reading)
    os.waitpid(child, 0)
    return answer


def _enter_namespaces(room: Room) -> int:
    is_root = room.uid >= 0
    own = os.getuid(), os.getgid()
    kernel.unshare(_NAMESPACES | (0 if is_root else kernel.CLONE_NEWUSER))
    if not is_root:
        kernel.map_own_ids(*own)
    child = os.fork()
    if child:
        return child
    room.look_at_own_process()
    _build_view(room)
    if is_root:
        kernel.become(room.uid, room.gid, kernel.CAP_SYS_ADMIN)
    else:
        kernel.keep_capabilities(kernel.CAP_SYS_ADMIN)
    return 0


def _build_view(room: Room) -> None:
    """Make a root folder that shows what imports need, and nothing else."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    root = f"{room.work}/root"
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID, "mode=0755,size=64m")
    for path in sorted({*_SYSTEM, *room.readable}):
        _show(root, path)
    for path, mode in (("/dag", 0o755), (_TREES, 0o711), (room.tmp, 0o700), (room.home, 0o700)):
        os.makedirs(f"{root}{path}", mode)
        if room.uid >= 0 and mode == 0o700:
            os.chown(f"{root}{path}", room.uid, room.gid)
    kernel.bind(f"{room.work}/trees", f"{root}{_TREES}")
    kernel.pivot(root)


def _show(root: str, path: str) -> None:
    """Show a path of the machine at the same place below the new root, unless it is there."""
    place = f"{root}{path}"
    if not os.path.exists(path) or os.path.lexists(place):
        return
    parent = os.path.dirname(place)
    os.makedirs(parent, 0o755, exist_ok=True)
    if os.path.islink(path) and path.count("/") == 1:
        os.symlink(os.readlink(path), place)
        return
    if os.path.isdir(path):
        os.mkdir(place, 0o755)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.bind(path, place)


def _narrow_view(room: Room, tree: str) -> None:
    """Show this process one tree only, nothing to write in but a small folder of its own."""
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("tmpfs", room.tmp, "tmpfs", _QUIET, "mode=0700,size=16m,nr_inodes=4k")
    kernel.bind(f"{_TREES}/{tree}", "/dag")
    kernel.mount("tmpfs", _TREES, "tmpfs", _QUIET | kernel.MS_RDONLY, "mode=0,size=4k")
    flags = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID
    kernel.mount(None, "/", None, flags)


def _limit(room: Room, caps: Caps) -> None:
    for what, much in (
        (resource.RLIMIT_AS, caps.memory_bytes),
        (resource.RLIMIT_FSIZE, _MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (much, much))
    resource.setrlimit(resource.RLIMIT_CPU, (caps.cpu_s, caps.cpu_s + 1))
    if not seccomp.is_known():
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    elif room.tier == "namespaces" or room.uid >= 0:  # else all of the account's would count
        resource.setrlimit(resource.RLIMIT_NPROC, (_MAX_THREADS, _MAX_THREADS))


def _is_reachable(room: Room) -> bool:
    """Whether the account of imports may pass all folders above what it must read."""
    return all(
        _may_pass(folder, room)
        for path in (*room.readable, f"{room.work}/trees")
        for folder in _folders_above(path)
    )


def _folders_above(path: str) -> list[str]:
    parts = os.path.realpath(path).split("/")
    return ["/".join(parts[:end]) or "/" for end in range(1, len(parts))]


def _may_pass(folder: str, room: Room) -> bool:
    found = os.stat(folder)
    of_owner = found.st_uid == room.uid and found.st_mode & 0o100
    of_group = found.st_gid == room.gid and found.st_mode & 0o010
    return bool(found.st_mode & 0o001 or of_owner or of_group)
