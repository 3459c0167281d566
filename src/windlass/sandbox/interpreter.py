"""What is known of an Airflow interpreter without importing Airflow: where it keeps what it has,
and a fingerprint of that."""

import json
import os
import shutil
import subprocess
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from windlass.domain.digest import digest_json
from windlass.domain.errors import Invalid

IMPORT_VERSION = 3
"""Raised whenever the same import could be told differently: remembered results then lapse."""
_SCRIPT = """
import importlib.metadata, json, os, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
paths = [p for p in sys.path if os.path.exists(p)]
print(json.dumps({
    "python": platform.python_version(),
    "airflow": version("apache-airflow-core") or version("apache-airflow"),
    "paths": paths,
    "readable": sorted({*paths, *map(os.path.realpath, paths),
                        sys.prefix + "/lib", sys.base_prefix + "/lib"}),
}))
"""
_MARKS = (".dist-info", ".egg-info", ".egg-link", ".pth")


@dataclass(frozen=True, slots=True)
class InterpreterFacts:
    """`python` and `airflow` are versions, `airflow` None where it is not installed; `paths` is
    where modules are looked for, `readable` all that must be readable to import them."""

    python: str
    airflow: str | None
    paths: tuple[Path, ...]
    readable: tuple[str, ...]


def ask_python(python: Path, script: str) -> str:
    """What a script of ours prints under that Python, without anybody's settings; Invalid PY001
    where it does not run."""
    try:
        return subprocess.run(
            [python, "-I", "-c", script],
            env={},
            capture_output=True,
            check=True,
            timeout=20,
            text=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Invalid(
            "PY001",
            f"the interpreter {str(python)!r} does not run: {type(error).__name__}",
            "Set WINDLASS_AIRFLOW_PYTHON to the python of the Airflow environment.",
        ) from error


def stamp_of(python: Path) -> tuple[str, list[int]]:
    """Changes where another program stands in the place of an interpreter."""
    found = shutil.which(python) if python.parent == Path() else python
    real = os.path.realpath(found or python)
    return real, _stamp(Path(real))


class Interpreter:
    """One Python with Airflow, and the folder of plugins that its DAGs may import from."""

    def __init__(self, python: Path, plugins: Path | None = None) -> None:
        self.python = python if python.parent == Path() else python.absolute()
        self.plugins = plugins
        self._lock = threading.Lock()
        self._seen: tuple[object, str] | None = None

    @cached_property
    def facts(self) -> InterpreterFacts:
        """Raises Invalid PY001 where the interpreter does not run. Asked again by `fingerprint`."""
        told = json.loads(ask_python(self.python, _SCRIPT))
        return InterpreterFacts(
            told["python"],
            told["airflow"],
            tuple(Path(path) for path in told["paths"]),
            tuple(told["readable"]),
        )

    @property
    def fingerprint(self) -> str:
        """Changes whenever a package is installed, upgraded or removed, or a plugin changes. Files
        that are edited inside an installed package are not noticed. Raises as `facts` does."""
        with self._lock:
            stamps = [_stamp(path) for path in self._folders()]
            if self._seen is None or self._seen[0] != stamps:
                self.__dict__.pop("facts", None)  # an Airflow may have come, or gone
                self._seen = [_stamp(path) for path in self._folders()], self._digest()
            return self._seen[1]

    def _folders(self) -> list[Path]:
        plugins = [self.plugins, *_below(self.plugins)] if self.plugins else []
        return [*self.facts.paths, *plugins]

    def _digest(self) -> str:
        packages = sorted(
            entry.name
            for folder in self.facts.paths
            if folder.is_dir()
            for entry in folder.iterdir()
            if entry.name.endswith(_MARKS)
        )
        plugins = [[str(path), _stamp(path)] for path in _below(self.plugins)]
        facts = [IMPORT_VERSION, str(self.python), self.facts.python, packages, plugins]
        return digest_json(facts)


def _below(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if "__pycache__" not in p.parts)


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_mtime_ns, found.st_size if path.is_file() else 0]
