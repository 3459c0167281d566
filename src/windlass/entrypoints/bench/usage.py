"""What processes have used, as Linux tells it (proc(5))."""

import os
from pathlib import Path

_PARENT, _FIRST, _LAST = 1, 11, 15  # utime, stime, cutime, cstime


def cpu_s(root: int) -> float:
    """Seconds of CPU that a process and all below it have used, those that ended included."""
    fields = {pid: found for pid in all_pids() if (found := stat_of(pid))}
    below, waiting = {root}, [root]
    for one in waiting:  # grows meanwhile
        children = [p for p, found in fields.items() if int(found[_PARENT]) == one]
        waiting += [child for child in children if child not in below]
        below |= {*children}
    ticks = sum(int(t) for pid in below if pid in fields for t in fields[pid][_FIRST:_LAST])
    return ticks / os.sysconf("SC_CLK_TCK")


def all_pids() -> list[int]:
    """Every process of this machine."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, from the state on; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
