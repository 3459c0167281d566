"""Data of an older major version becomes data of ours: dumped by the old server, loaded by ours.

The old data is renamed, never changed, and stays until somebody removes it. A mark says that an
upgrade is under way: one that was cut short is begun again from the old data.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from windlass.database.embedded.cluster import Cluster
from windlass.database.embedded.dumps import dump_database, programs_of, restore_database
from windlass.database.embedded.programs import MAJOR_VERSION
from windlass.domain.errors import Invalid

_MARK = "upgrading"


def needs_upgrade(folder: Path) -> bool:
    """Whether the data is of an older major version, or an upgrade of it was cut short."""
    return (folder / _MARK).exists() or (
        _version(folder / "data") or MAJOR_VERSION
    ) != MAJOR_VERSION


def upgrade(
    cluster: Cluster,
    *,
    make: Callable[[Cluster], None],
    run: Callable[[Cluster, Callable[[str], None]], None],
) -> None:
    """Bring the cluster's data to our major version.

    `make` makes new data; `run` launches a server on a cluster, calls a function with its URL and
    stops the server. Raises Invalid PG005 where the data is newer than we are, or no programs of
    its version are here, and what the two raise; the old data is then where it was.
    """
    folder = cluster.folder
    _take_back(folder)
    version = _version(folder / "data") or ""
    dump, old = folder / "upgrade.dump", folder / f"data-{version}"
    run(_of_version(cluster, version), lambda url: _dump(cluster, url, dump))
    (folder / _MARK).write_text(version)
    (folder / "data").rename(old)
    try:
        make(cluster)
        run(cluster, lambda url: restore_database(url, dump))
    except BaseException:
        _take_back(folder)
        raise
    (folder / _MARK).unlink()
    dump.unlink()


def _dump(cluster: Cluster, url: str, dump: Path) -> None:
    dump.unlink(missing_ok=True)
    dump_database(url, dump)
    cluster.account.take(dump)


def _of_version(cluster: Cluster, version: str) -> Cluster:
    """The cluster as the programs of an older version run it."""
    programs = programs_of(int(version)) if version.isdecimal() else None
    is_older = version.isdecimal() and int(version) < int(MAJOR_VERSION)
    if programs is None or not is_older:
        what = (
            f"Install PostgreSQL {version}, such as the Debian package postgresql-{version}: the"
            " next start then brings the data over. Or run `windlass backup` with the Windlass"
            " that made it, and `windlass restore` here."
            if is_older
            else "Use the Windlass that made it, or a newer one."
        )
        raise Invalid(
            "PG005",
            f"{cluster.folder / 'data'}: made by PostgreSQL {version!r}; {MAJOR_VERSION!r} was"
            " expected.",
            what,
        )
    return replace(cluster, programs=programs, settings={})


def _take_back(folder: Path) -> None:
    """Undo an upgrade that was cut short."""
    mark = folder / _MARK
    if not mark.exists():
        return
    old = folder / f"data-{mark.read_text().strip()}"
    if old.exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
        old.rename(folder / "data")
    mark.unlink()


def _version(data: Path) -> str | None:
    mark = data / "PG_VERSION"
    return mark.read_text("ascii", "replace").strip() if mark.exists() else None
