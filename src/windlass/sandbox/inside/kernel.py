"""The system calls that confinement needs and Python has no function for. Linux only."""

import ctypes
import os
import platform
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS = 1, 4, 8
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN = 2, 21
_MOUNT_SETATTR = 442  # this number and landlock's are the same on every architecture
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_AT_RECURSIVE = 0x8000
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25
_HUGE = 2 << 20
_AT_FDCWD = -100

MACHINE = platform.machine()
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result: int = getattr(_libc, name)(*arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _system_call(number: int, *arguments: int | bytes | None) -> int:
    typed = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    return _call("syscall", ctypes.c_long(number), *typed)


def unshare(flags: int) -> None:
    """Move this process into namespaces of its own; of processes, its next children."""
    _call("unshare", flags)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """As mount(2)."""
    texts = [t.encode() if t is not None else None for t in (source, target, kind)]
    _call("mount", *texts, ctypes.c_ulong(flags), data.encode() or None)


def bind(source: str, target: str) -> None:
    """Show a file or folder, with all that is mounted below it, at another place, read-only."""
    mount(source, target, None, MS_BIND | MS_REC)
    try:
        attributes = struct.pack("QQQQ", MS_RDONLY | MS_NOSUID, 0, 0, 0)
        _system_call(
            _MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, attributes, len(attributes)
        )
    except OSError:  # before Linux 5.12: without what is mounted below it
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | _locked(target))


def _locked(path: str) -> int:
    """Flags of a mount that a user namespace may not take away."""
    has = os.statvfs(path).f_flag
    return has & (MS_NODEV | MS_NOEXEC)


def pivot(new_root: str) -> None:
    """Make a mounted folder the root, and drop all that was mounted before."""
    os.chdir(new_root)
    _system_call(_PIVOT_ROOT[MACHINE], b".", b".")
    _call("umount2", b".", MNT_DETACH)
    os.chdir("/")


def prctl(option: int, argument: int, further: int | ctypes.Array[ctypes.c_char] = 0) -> None:
    """As prctl(2)."""
    third = further if isinstance(further, int) else ctypes.addressof(further)
    _call("prctl", option, ctypes.c_ulong(argument), ctypes.c_ulong(third), 0, 0)


def keep_capabilities(*kept: int) -> None:
    """Give up every capability of this process but these."""
    mask = sum(1 << capability for capability in kept)
    header = struct.pack("II", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _call("capset", header, struct.pack("IIIIII", low, low, 0, high, high, 0))


def become(uid: int, gid: int, *kept: int) -> None:
    """Be another account for good, with these capabilities only."""
    os.setgroups([])
    prctl(PR_SET_KEEPCAPS, 1)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    keep_capabilities(*kept)


def map_own_ids(uid: int, gid: int) -> None:
    """In a new user namespace: be there who one was outside."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def collapse_memory(maps: str) -> None:
    """Have this process's own memory in pages of 2 MB where the kernel can (madvise(2), Linux 6.1):
    a fork then copies a fraction of the page tables. `maps` is as /proc/PID/maps has it."""
    for line in maps.splitlines():
        place, rights, _, _, _, *name = line.split(maxsplit=5)
        if "w" not in rights or (name and name[0] != "[heap]"):
            continue
        first, last = (int(end, 16) for end in place.split("-"))
        first, last = -(-first // _HUGE) * _HUGE, last // _HUGE * _HUGE
        if first < last:
            for advice in (_MADV_HUGEPAGE, _MADV_COLLAPSE):  # the second is not known everywhere
                _libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), advice)


def landlock_abi() -> int:
    """The version of landlock that this kernel has; 0 for none."""
    try:
        return _system_call(_LANDLOCK_CREATE_RULESET, None, 0, 1)
    except OSError:
        return 0


_READ_FILE, _READ_DIR, _EXECUTE, _WRITE_FILE, _TRUNCATE = 1 << 2, 1 << 3, 1 << 0, 1 << 1, 1 << 14
_ALL_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_FILES_ONLY = _READ_FILE | _EXECUTE | _WRITE_FILE | _TRUNCATE


class Landlock:
    """Which files may be reached: reading below some paths, writing below others, nothing else."""

    def __init__(self, readable: list[str], writable: list[str]) -> None:
        abi = landlock_abi()
        rights = _ALL_OF_ABI.get(abi, (1 << 16) - 1)
        ruleset = struct.pack("Q", rights)
        if abi >= 4:  # TCP: none
            ruleset += struct.pack("Q", 3)
        if abi >= 6:  # abstract Unix sockets and signals of others: none
            ruleset += struct.pack("Q", 3)
        self._fd = _system_call(_LANDLOCK_CREATE_RULESET, ruleset, len(ruleset), 0)
        for path in readable:
            self._allow(path, _READ_FILE | _READ_DIR)
        for path in writable:
            self._allow(path, rights & ~_EXECUTE)

    def _allow(self, path: str, rights: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        try:
            if not os.path.isdir(f"{path}/."):
                rights &= _FILES_ONLY
            _system_call(_LANDLOCK_ADD_RULE, self._fd, 1, struct.pack("=QI", rights, fd), 0)
        finally:
            os.close(fd)

    def enforce(self) -> None:
        """Hold this process and all its children to it; `no_new_privs` must be set."""
        _system_call(_LANDLOCK_RESTRICT_SELF, self._fd, 0)
        os.close(self._fd)
