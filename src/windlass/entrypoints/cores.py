"""Core files: what a process held in memory when it died, on a disk that outlives it."""

import contextlib
import resource
from pathlib import Path


def leave_no_core() -> None:
    """Make this process, and all that it starts, leave no memory behind when it dies.

    Two ways, because a limit does not hold where the kernel pipes a core into a program: no file
    may be written, and of what would be piped no memory is part (core(5), coredump_filter; kept
    over fork and exec). Without /proc there is the first alone.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/coredump_filter").write_text("0")
