"""Says what the interpreter that runs it has installed, as JSON. Standard library only.

Started as a script by `sandbox.installed` under the environment's interpreter, isolated (`-I`), so
that it runs with Pythons that have no Windlass. It imports nothing of what it finds.
"""

import importlib.machinery
import importlib.metadata
import json
import os
import platform
import sys
import sysconfig
from pathlib import Path

_SUFFIXES = tuple(importlib.machinery.all_suffixes())
_MAX_DEPTH = 4


def main() -> None:
    """Print one JSON object."""
    modules: set[str] = set()
    namespaces: set[str] = set()
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    places = [p for p in sys.path if p and Path(p).is_dir() and p not in standard]
    for place in places:
        _look(Path(place), "", 0, modules, namespaces)
    distributions: dict[str, str] = {}
    owners: dict[str, str] = {}
    for found in importlib.metadata.distributions():
        name = found.metadata["Name"]
        if not name:
            continue
        own = _normalised(name)
        distributions.setdefault(own, found.version)
        for top in _modules_of(found, namespaces):
            owners.setdefault(top, own)
            modules.add(top)
    answer = {
        "python": platform.python_version(),
        "modules": sorted(modules - namespaces),
        "namespaces": sorted(namespaces),
        "distributions": distributions,
        "owners": owners,
        "places": [*places],
    }
    json.dump(answer, sys.stdout)


def _look(place: Path, prefix: str, depth: int, modules: set[str], namespaces: set[str]) -> None:
    """Collect what can be imported from a folder; of packages, only that they are there."""
    try:
        entries = list(os.scandir(place))
    except OSError:
        return
    for entry in entries:
        name = _module_name(entry.name)
        if name is None:
            continue
        full = prefix + name
        if not entry.is_dir():
            if entry.name.endswith(_SUFFIXES) and name != "__init__":
                modules.add(full)
        elif _is_package(Path(entry.path)):
            modules.add(full)
            if full == "airflow":  # its providers lie in a folder of it, each by itself
                _look(Path(entry.path, "providers"), "airflow.providers.", 1, modules, namespaces)
                namespaces.add("airflow.providers")
        elif depth < _MAX_DEPTH and _has_modules(Path(entry.path), depth):
            namespaces.add(full)
            _look(Path(entry.path), f"{full}.", depth + 1, modules, namespaces)


def _module_name(file: str) -> str | None:
    name = file.partition(".")[0]
    is_module = "." not in file or file.endswith(_SUFFIXES)
    return name if is_module and name.isidentifier() and name != "__pycache__" else None


def _is_package(folder: Path) -> bool:
    return any((folder / f"__init__{suffix}").is_file() for suffix in _SUFFIXES)


def _has_modules(folder: Path, depth: int) -> bool:
    """Whether anything below a folder can be imported, so that it is a namespace."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return False
    if any(e.is_file() and _module_name(e.name) and e.name.endswith(_SUFFIXES) for e in entries):
        return True
    folders = [e for e in entries if e.is_dir() and _module_name(e.name)]
    return depth < _MAX_DEPTH and any(_has_modules(Path(e.path), depth + 1) for e in folders)


def _modules_of(found: importlib.metadata.Distribution, namespaces: set[str]) -> set[str]:
    """The modules that a distribution brings, as deep as namespaces go."""
    tops: set[str] = set()
    for file in found.files or ():
        if len(file.parts) == 1 and file.suffix != ".py":
            continue
        parts = [*file.parts[:-1], _module_name(file.name) or ""]
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if not all(part.isidentifier() for part in parts[:length]):
                break
            if name not in namespaces and name != "airflow":
                tops.add(name)
                break
            if name == "airflow" and parts[1:2] != ["providers"]:
                tops.add(name)
                break
    declared = set((found.read_text("top_level.txt") or "").split())  # of editable installs too
    return tops | {name for name in declared if name.isidentifier() and name not in namespaces}


def _normalised(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    main()
