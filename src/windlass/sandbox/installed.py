"""Asks an interpreter what it has installed, and again when that may have changed."""

import json
import subprocess
import threading
import time
from pathlib import Path

from windlass.domain.errors import Invalid
from windlass.domain.installed import Installed
from windlass.sandbox import probe
from windlass.sandbox.signatures import Found, Signatures

PROBE_LIMIT_S = 30.0
LOOK_S = 2.0


class InstalledMemory:
    """What one interpreter has installed, as it was `LOOK_S` ago at most.

    Installing, upgrading and removing a package all change the time of the folder that packages
    lie in; only then is the interpreter asked again. Safe for threads.
    """

    def __init__(self, python: Path) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._known: Installed | None = None
        self._places: list[str] = []
        self._times: list[int] = []
        self._look_at = 0.0
        self._signatures = Signatures(())

    def now(self) -> Installed:
        """Raises Invalid PY001 where the interpreter does not run, PY002 where it does not say."""
        with self._lock:
            if self._known is not None and time.monotonic() < self._look_at:
                return self._known
            times = [_changed_at(place) for place in self._places]
            if self._known is None or times != self._times:
                self._known, self._places = _ask(self._python)
                self._signatures = Signatures(self._places)
                self._times = [_changed_at(place) for place in self._places]
            self._look_at = time.monotonic() + LOOK_S
            return self._known

    def signature(self, path: str) -> Found:
        """That of an operator, by its dotted path; None where it has no Airflow, or reading does
        not tell. Raises as `now` does."""
        return self._signatures.of(path) if self.now().has_airflow else None


def _changed_at(place: str) -> int:
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return 0


def _ask(python: Path) -> tuple[Installed, list[str]]:
    try:
        done = subprocess.run(
            [python, "-I", "-B", probe.__file__],
            env={},
            capture_output=True,
            check=True,
            timeout=PROBE_LIMIT_S,
        )
        said = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Invalid(
            "PY002",
            f"the interpreter {str(python)!r} does not say what it has installed: "
            f"{type(error).__name__}",
            "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
        ) from error
    known = Installed(
        said["python"],
        frozenset(said["modules"]),
        frozenset(said["namespaces"]),
        said["distributions"],
        said["owners"],
    )
    return known, said["places"]
