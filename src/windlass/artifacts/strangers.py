"""What lies in the store's own folders and was not put there by Windlass: told, never removed.

Below a release's tree that is drift (artifacts/verify.py). Here it is the folders above: a file
beside the links of the folder target is read by Airflow like any other DAG file.
"""

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from windlass.artifacts.store import Store, explained
from windlass.domain.text import plain

_OURS = frozenset({"store.json", "releases", "environments"})
MAX_TOLD = 200


def list_strangers(store: Store, bundles: Mapping[str, AbstractSet[str]]) -> list[str]:
    """The paths below the store, in order and MAX_TOLD at the most; a folder ends with `/`, and
    what lies in it is not told. `bundles` are the names of each environment, links among them.

    Raises Unavailable STORE003 where the store is away, which must not look like an empty one.
    """
    with explained(store.root):
        (store.root / "store.json").stat()
        return sorted({plain(path) for path in _walk(store, bundles)})[:MAX_TOLD]


def environment_of(path: str) -> str | None:
    """The environment in whose folder a path below the store is; None for one above all of them.

    >>> environment_of("environments/prod/dags/mine.py")
    'prod'
    """
    parts = path.split("/")
    return parts[1] if parts[0] == "environments" and len(parts) > 2 else None


def _walk(store: Store, bundles: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    for entry in _entries(store.root):
        if entry.name not in _OURS and not _is_aside(entry):
            yield _named(entry)
    for entry in _entries(store.releases):
        if not entry.name.isdecimal() and not _is_aside(entry):
            yield f"releases/{_named(entry)}"
    for entry in _entries(store.root / "environments"):
        below = f"environments/{_named(entry)}"
        if entry.is_dir(follow_symlinks=False):
            known = bundles.get(entry.name, frozenset())
            yield from (below + path for path in _walk_environment(store, entry.name, known))
        elif not _is_aside(entry):
            yield below


def _walk_environment(store: Store, environment: str, known: AbstractSet[str]) -> Iterator[str]:
    folder = store.root / "environments" / environment
    for entry in _entries(folder):
        is_ours = entry.name in ("bundles", "dags") and entry.is_dir(follow_symlinks=False)
        if not (is_ours or _is_aside(entry)):
            yield _named(entry)
    for entry in _entries(folder / "bundles"):
        if not _is_aside(entry) and not _is_pointer(store, environment, entry, known):
            yield f"bundles/{_named(entry)}"
    for namespace in _entries(folder / "dags"):
        if not namespace.is_dir(follow_symlinks=False):
            yield f"dags/{namespace.name}"
            continue
        for entry in _entries(Path(namespace.path)):
            if not entry.is_symlink() or f"{namespace.name}/{entry.name}" not in known:
                yield f"dags/{namespace.name}/{_named(entry)}"


def _is_pointer(
    store: Store, environment: str, entry: os.DirEntry[str], known: AbstractSet[str]
) -> bool:
    """Whether it is a pointer of ours. One that a smaller pool left behind shows nothing."""
    if not entry.is_file(follow_symlinks=False):
        return False
    return entry.name in known or store.points_to(environment, entry.name, None)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing where it is not there, or a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return list(entries)


def _is_aside(entry: os.DirEntry[str]) -> bool:
    """Whether the name is like those of what is being written, and is renamed in a moment."""
    return entry.name.startswith(".")


def _named(entry: os.DirEntry[str]) -> str:
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
