"""What the cluster policy refuses, and what it gives to the DAGs that it lets pass.

Where a file lies is told by `places.py`; when Airflow asks, by `policy.py`.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.exceptions import AirflowClusterPolicyViolation

from windlass_airflow.manifest import Entry, ManifestError
from windlass_airflow.places import Place, find_bundle, find_place
from windlass_airflow.release import Statement
from windlass_airflow.store import BundleError

LEVELS = ("off", "releases", "strict")

# Airflow 3.1 takes an exception of the first hook for a fault of its own: it logs it and shows
# neither DAG nor import error. Since 3.2 files are read by importers, and it is an import error.
_REFUSES_FILES = find_spec("airflow.dag_processing.importers") is not None

_read: dict[str, Place] = {}
"""Where each file lay when it was read: the bundle may flip before its DAGs are looked at."""


def check_file(location: str) -> None:
    """Note where a file lies, before it runs; refuse one that Windlass did not release."""
    is_on = _REFUSES_FILES and level() != "off"
    place = _place_of(location) if is_on else _found(location)
    if place is None:
        _read.pop(location, None)
        if is_on:
            _refuse_outsider(location)
        return
    if is_on:
        _check_file(place, place.path)
    _read[location] = place


def check_dag(dag: Any) -> None:
    """Refuse a DAG that Windlass did not release; else give it what its repository asks for, and
    the path in the release that it was read from.

    Airflow stores a parse under the version that its bundle has when the parse is stored
    (dag_processing/manager.py), which may be a later one than was read. The path tells which was,
    to Windlass too; Airflow leaves it out of the hash that says whether a DAG changed
    (models/serialized_dag.py), and reads the code that it shows from there.
    """
    is_on = level() != "off"
    place = _read.get(dag.fileloc) or (_place_of(dag.fileloc) if is_on else _found(dag.fileloc))
    if is_on and place is None:
        _refuse_outsider(dag.fileloc)
    elif is_on and place is not None:
        entry = _check_file(place, place.path)
        _check_modules(place)
        _check_id(place, entry, dag.dag_id)
    if place is not None:
        dag.fileloc = str(place.tree / place.path)
        if place.release.statement is not None:
            _apply(place.release.statement, dag)


def _apply(statement: Statement, dag: Any) -> None:
    """Give a DAG what the options of its repository ask for."""
    dag.tags = {*dag.tags, *statement.tags}
    if statement.new_dags in ("paused", "unpaused"):
        dag.is_paused_upon_creation = statement.new_dags == "paused"
    for task in dag.tasks if statement.pool else ():
        if task.pool == "default_pool":  # Pool.DEFAULT_POOL_NAME of Airflow 3.1 to 3.3
            task.pool = statement.pool


def level() -> str:
    """What [windlass] policy says. A word that is not known is the strictest: a typing error must
    not open the door."""
    found = str(conf.get("windlass", "policy", fallback="off")).strip().lower()
    return found if found in LEVELS else LEVELS[-1]


def _place_of(location: str) -> Place | None:
    """Where a file lies; a violation where the release it lies in is not vouched for."""
    try:
        return find_place(location)
    except BundleError as error:
        raise AirflowClusterPolicyViolation(str(error)) from None


def _found(location: str) -> Place | None:
    """Where a file lies while nothing is refused."""
    try:
        return find_place(location)
    except BundleError:
        return None


def _check_file(place: Place, path: str) -> Entry:
    """What the manifest says of a file whose content is just that; else a violation."""
    where = place.tree / path
    manifest = place.release.manifest
    try:
        entry = manifest.find(path) if manifest else None
    except ManifestError as error:
        raise AirflowClusterPolicyViolation(f"{where}: {error}") from None
    if entry is None:
        raise violation(
            "CLP001",
            where=where,
            wrong=f"the file is not in the manifest of release {place.version}",
            expected="only files that Windlass checked and released",
            remedy="Put it into the repository; nobody should write to a release.",
        )
    if _digest(where) != entry.digest:
        raise violation(
            "CLP002",
            where=where,
            wrong=f"the file is not the one that release {place.version} was made with",
            expected=f"the content with the SHA-256 {entry.digest[:16]}…",
            remedy="Find out who changed it. Deploy the revision again to have it replaced.",
        )
    # Python would run this instead of the file, if size and time that it names fit.
    if os.path.lexists(bytecode := cache_from_source(where)):
        raise violation(
            "CLP001",
            where=bytecode,
            wrong="there is bytecode in a release, which Python would run",
            expected="no __pycache__: Windlass writes none, and neither does the bundle",
            remedy="Remove it, and find out who wrote it.",
        )
    return entry


def _check_modules(place: Place) -> None:
    """Refuse a DAG that imported a module which is not, or not so, in its release."""
    for path in _imported(place.root):
        _check_file(place, path)


def _imported(root: str) -> Iterator[str]:
    """The paths below a root of the modules that were imported from there."""
    prefix = f"{root}{os.sep}"
    for module in list(sys.modules.values()):
        origin = getattr(module, "__file__", None)
        if isinstance(origin, str) and origin.startswith(prefix):
            yield origin.removeprefix(prefix)


def _check_id(place: Place, entry: Entry, dag_id: str) -> None:
    statement, manifest = place.release.statement, place.release.manifest
    prefix = statement.dag_id_prefix if statement else None
    if prefix and not dag_id.startswith(prefix):
        raise violation(
            "CLP003",
            where=place.tree / place.path,
            wrong=f'the dag_id "{dag_id}" does not begin with "{prefix}"',
            expected="the prefix of the namespace, which its repository asks for",
            remedy="Rename the DAG.",
        )
    if dag_id in entry.dag_ids or manifest is None:
        return
    if entry.builds_ids:
        _check_built(place, dag_id, statement.dag_id_prefixes if statement else ())
        return
    try:
        known = manifest.dag_ids
    except ManifestError as error:
        raise AirflowClusterPolicyViolation(f"{place.tree}: {error}") from None
    if dag_id not in known:
        raise violation(
            "CLP004",
            where=place.tree / place.path,
            wrong=f'the dag_id "{dag_id}" is not in the manifest of release {place.version}',
            expected="an id that a plain reading of the files finds",
            remedy="Give DAG(…) its id as a literal, or as an expression in this file, by which "
            "Windlass knows that the file builds ids.",
        )


def _check_built(place: Place, dag_id: str, prefixes: tuple[str, ...]) -> None:
    """Refuse an id that a file builds at run time and that is outside of what its repository
    declares, where it declares something."""
    if prefixes and not dag_id.startswith(prefixes):
        raise violation(
            "CLP006",
            where=place.tree / place.path,
            wrong=f'the file builds the dag_id "{dag_id}", which begins with none of the prefixes '
            "of its repository",
            expected=f"an id that begins with {' or '.join(prefixes)}",
            remedy="Build another id, or declare its prefix: windlass repo set … "
            "-O dag_id_prefixes=…",
        )


def _refuse_outsider(location: str) -> None:
    """Refuse, under strict, what lies in no release and in no bundle that is allowed."""
    if level() != "strict":
        return
    names = str(conf.get("windlass", "allowed_bundles", fallback="")).split(",")
    bundle = find_bundle(location)
    if bundle is None or bundle not in {name.strip() for name in names}:
        raise violation(
            "CLP005",
            where=location,
            wrong="the file is in no release"
            + (f', but in the bundle "{bundle}"' if bundle else ""),
            expected="a DAG that Windlass released, since [windlass] policy is strict",
            remedy="Put it into a repository, or name its bundle in [windlass] allowed_bundles.",
        )


def _digest(path: Path) -> str | None:
    """The SHA-256 of a file; None where it is not there or no regular file."""
    try:
        found = path.stat(follow_symlinks=False)
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
        return _digest_once(str(path), stamp)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _digest_once(path: str, _stamp: tuple[int, ...]) -> str:
    """The digest of a file that is as its stamp says: one file may make many DAGs."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def violation(
    code: str, *, where: object, wrong: str, expected: str, remedy: str
) -> AirflowClusterPolicyViolation:
    """The import error with its five-part message; `code` is stable."""
    return AirflowClusterPolicyViolation(f"{code} {where}: {wrong}. Expected {expected}. {remedy}")
