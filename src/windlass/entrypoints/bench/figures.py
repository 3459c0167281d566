"""One row of a benchmark's table, and what all of them depend on."""

import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.entrypoints.processes import run_to_end
from windlass.settings import process_environment


@dataclass(frozen=True, slots=True)
class Figures:
    """The values of one case, in the order they were measured; `unit` is theirs."""

    case: str
    unit: str
    values: tuple[float, ...]

    @property
    def p50(self) -> float:
        return statistics.median(self.values)

    def to_json(self) -> dict[str, Any]:
        ordered = sorted(self.values)
        return {
            "case": self.case,
            "unit": self.unit,
            "n": len(ordered),
            "min": round(ordered[0], 2),
            "p50": round(self.p50, 2),
            "p90": round(ordered[int(0.9 * (len(ordered) - 1))], 2),
            "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
            "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
            "max": round(ordered[-1], 2),
        }


def figures(case: str, unit: str, values: Iterable[float]) -> Figures:
    """The row of a case; at least one value."""
    return Figures(case, unit, tuple(values))


def conditions(folder: Path) -> dict[str, Any]:
    """What figures depend on: the machine, its load, the file system of the folder, versions."""
    env = process_environment()
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "file_system": run_to_end(
            ["stat", "--file-system", "--format=%T", str(folder)], env=env, timeout_s=5
        ).strip(),
        "python": platform.python_version(),
        "git": run_to_end(["git", "version"], env=env, timeout_s=5).split()[2],
    }
