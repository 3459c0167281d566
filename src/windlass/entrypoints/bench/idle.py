"""What `windlass up` costs while nothing happens."""

import os
import sys
import tempfile
import time
from pathlib import Path

import httpx

from windlass.domain.errors import Unavailable
from windlass.entrypoints.bench.figures import Figures, figures
from windlass.entrypoints.bench.usage import all_pids, stat_of
from windlass.entrypoints.processes import ChildProcess, Command, free_port
from windlass.settings import process_environment

WATCH_S = 5.0
LIMIT_S = 60.0


def measure_idle(settle_s: float) -> list[Figures]:
    """A warm start until the API is ready, then the memory and the CPU of all processes together,
    PostgreSQL's among them, after `settle_s`: connections that only the start needed are closed
    after half a minute. Memory is left out where the system does not tell it (not Linux)."""
    with tempfile.TemporaryDirectory(prefix="windlass-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root, the database runs as another account
        _start(folder)[0].stop()  # the first start makes the database
        child, started_ms = _start(folder)
        with child:
            time.sleep(settle_s)
            used_s, began = _cpu_s(folder, child), time.monotonic()
            time.sleep(WATCH_S)
            busy = (_cpu_s(folder, child) - used_s) / (time.monotonic() - began)
            memory = sum(filter(None, map(_pss_bytes, _pids(folder, child))))
    rows = [
        figures("warm start until ready", "ms", [started_ms]),
        figures("idle: CPU of all", "% of core", [busy * 100]),
    ]
    if memory:
        rows.append(figures("idle: memory of all (PSS)", "MB", [memory / 1e6]))
    return rows


def _start(folder: Path) -> tuple[ChildProcess, float]:
    """`windlass up` with a home in the folder; milliseconds until its API was ready."""
    port = free_port()
    env = {
        **process_environment(),
        "WINDLASS_HOME": str(folder / "home"),
        "WINDLASS_EMBEDDED_DB": "true",  # it goes with the folder
        "WINDLASS_API_PORT": str(port),
    }
    argv = [sys.executable, "-m", "windlass", "up"]
    command = Command(argv=argv, env=env, cwd=folder, log_path=folder / "log")
    began = time.monotonic()
    child = ChildProcess(command)
    while time.monotonic() < began + LIMIT_S and child.is_alive:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success:
                return child, (time.monotonic() - began) * 1000
        except httpx.TransportError:
            pass
        time.sleep(0.005)
    child.stop()
    raise Unavailable("BENCH002", f"windlass up was not ready:\n{child.log_tail(10)}")


def _pids(folder: Path, child: ChildProcess) -> set[int]:
    """All processes of the installation: what `up` started, and its PostgreSQL, which has a
    session of its own."""
    files = (folder / "home" / "postgres").rglob("postmaster.pid")
    servers = {int(path.read_text().split("\n", 1)[0]) for path in files}
    parents = {pid: parent for pid in all_pids() if (parent := _parent(pid)) is not None}
    return {*child.pids(), *servers, *(pid for pid, parent in parents.items() if parent in servers)}


def _parent(pid: int) -> int | None:
    fields = stat_of(pid)
    return int(fields[1]) if fields else None


def _cpu_s(folder: Path, child: ChildProcess) -> float:
    ticks = 0
    for pid in _pids(folder, child):
        if fields := stat_of(pid):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _pss_bytes(pid: int) -> int | None:
    """Its memory, where pages that several share count in parts; None where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), None)
