"""The seccomp filter: which system calls an import may make, as a BPF program made here.

Everything that is not listed fails with EPERM: sockets of any family, new processes, programs,
signals to others, ptrace and its kin, namespaces, mounts, keys, io_uring, bpf, perf and whatever
Linux invents next. Source: linux/seccomp.h, linux/bpf_common.h, asm/unistd.h.
"""

import ctypes
import errno
import os
import struct

from windlass.sandbox.inside import kernel

# Name: (its number on x86_64, on aarch64); None where there is none.
_COMMON = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "select": (23, None),
    "pselect6": (270, 72),
    "poll": (7, None),
    "ppoll": (271, 73),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "msync": (26, 227),
    "mincore": (27, 232),
    "madvise": (28, 233),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pause": (34, None),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "alarm": (37, None),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "uname": (63, 160),
    "flock": (73, 32),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "umask": (95, 166),
    "gettimeofday": (96, 169),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "arch_prctl": (158, None),
    "time": (201, None),
    "futex": (202, 98),
    "set_tid_address": (218, 96),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "eventfd": (284, None),
    "eventfd2": (290, 19),
    "timer_create": (222, 107),
    "timer_settime": (223, 110),
    "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109),
    "timer_delete": (226, 111),
    "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "restart_syscall": (219, 128),
    "fadvise64": (221, 223),
    "set_robust_list": (273, 99),
    "getcpu": (309, 168),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "copy_file_range": (326, 285),
    "sendfile": (40, 71),
    "statx": (332, 291),
    "rseq": (334, 293),
    "newfstatat": (262, 79),
    "stat": (4, None),
    "lstat": (6, None),
    "getpriority": (140, 141),
    "waitid": (247, 95),
    "wait4": (61, 260),
    "close_range": (436, 436),
    "signalfd": (282, None),
    "signalfd4": (289, 74),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "futex_waitv": (449, 449),
    "capget": (125, 90),
    "open": (2, None),
    "openat": (257, 56),
}
_CHANGING = {
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "creat": (85, None),
}
_JUDGED = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
}

_COLUMN = {"x86_64": 0, "aarch64": 1}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_ANY_BIT = 0x15, 0x45
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_REFUSE = _ERROR | errno.EPERM
_CLONE_THREAD = 0x00010000
_NEW_NAMESPACES = 0x7E020080
_OPEN_CHANGES = 0o3 | 0o100 | 0o1000 | 0o2000 | 0o20000000  # write, create, truncate, append, tmp
# Their own name, and the names of their memory; TCGETS, window size, close-on-exec, bytes to read.
_PRCTL = (15, 16, 0x53564D41)
_IOCTL = (0x5401, 0x5413, 0x5450, 0x5451, 0x541B)
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 1030, 1031, 1032)  # not who gets signals, nor leases

_Block = list[bytes]


def is_known() -> bool:
    """Whether there is a filter for this machine."""
    return kernel.MACHINE in _COLUMN


def enforce(*, may_write: bool) -> None:
    """Hold this process and its threads to the filter, for good. `no_new_privs` must be set.

    Without `may_write` no file can be opened to write it, made, changed or removed.
    """
    program = b"".join(_program(os.getpid(), may_write=may_write))
    code = ctypes.create_string_buffer(program, len(program))
    length = len(program) // 8
    pointer = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", length, ctypes.addressof(code)))
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, pointer)


def _program(pid: int, *, may_write: bool) -> _Block:
    column = _COLUMN[kernel.MACHINE]
    judged = _judgements(pid)
    allowed = _COMMON | (_CHANGING if may_write else {})
    if not may_write:
        allowed = {name: numbers for name, numbers in allowed.items() if name not in _OPENING}
        judged |= {
            name: [*_load(argument), *_unless_any(_OPEN_CHANGES)]
            for name, argument in _OPENING.items()
        }
    program = [
        _step(_LOAD, 4),
        _step(_IF_EQUAL, _ARCHITECTURE[kernel.MACHINE], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, 0),
    ]
    for numbers in allowed.values():
        if (number := numbers[column]) is not None:
            program += _if_equal(number, [_step(_RETURN, _ALLOW)])
    for name, block in judged.items():
        numbers = _JUDGED.get(name) or _COMMON[name]
        if (number := numbers[column]) is not None:
            program += _if_equal(number, block)
    return [*program, _step(_RETURN, _REFUSE)]


_OPENING = {"open": 1, "openat": 2}
"""System call → which of its arguments holds the flags."""


def _judgements(pid: int) -> dict[str, _Block]:
    """What is said of system calls by their arguments; a thread is no process, and whoever is
    signalled must be `pid`."""
    return {
        "clone": [
            *_load(0),
            _step(_AND, _CLONE_THREAD | _NEW_NAMESPACES),
            *_only([_CLONE_THREAD]),
        ],
        "clone3": [_step(_RETURN, _ERROR | errno.ENOSYS)],  # glibc then takes clone
        "kill": [*_load(0), *_only([pid])],
        "tgkill": [*_load(0), *_only([pid])],
        "prctl": [*_load(0), *_only(_PRCTL)],
        "prlimit64": [*_load(0), *_only([0])],
        "fcntl": [*_load(1), *_only(_FCNTL)],
        "ioctl": [*_load(1), *_only(_IOCTL)],
    }


def _load(argument: int) -> _Block:
    """The low half of an argument."""
    return [_step(_LOAD, 16 + 8 * argument)]


def _only(values: "list[int] | tuple[int, ...]") -> _Block:
    """Allow these values, refuse all others."""
    found = [step for value in values for step in _if_equal(value, [_step(_RETURN, _ALLOW)])]
    return [*found, _step(_RETURN, _REFUSE)]


def _unless_any(bits: int) -> _Block:
    return [_step(_IF_ANY_BIT, bits, 0, 1), _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)]


def _if_equal(value: int, block: _Block) -> _Block:
    """Do the block where what was loaded is that value, else go on after it."""
    return [_step(_IF_EQUAL, value, 0, len(block)), *block]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
