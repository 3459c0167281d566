"""Which releases the cache of an origin keeps, and for how long.

What a bundle of this host shows, what a task runs with, and what was used lately stays. Anything
else can be fetched again, as long as Windlass has it.
"""

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow.dag_processing.bundles.base import get_bundle_storage_root_path

from windlass_airflow.store import Store, is_release

KEEP_S = 7 * 24 * 3600.0
"""A release stays so long after a task of this host last needed it."""
EVERY_S = 3600.0
KEEP_NEWEST = 20
"""And so many of the newest stay in any case: a run may be cleared long after it ended."""

log = logging.getLogger(__name__)


def mark_used(store: Store, release: str) -> None:
    """Note that a release is needed now. Failing to only makes it go earlier."""
    place = store.root / "used" / release
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
        os.utime(place)


def clean_up_at_times(store: Store) -> None:
    """Clean up if no process of this host did for EVERY_S. Raises OSError."""
    mark = store.root / "cleaned"
    if not mark.exists() or time.time() - mark.stat().st_mtime > EVERY_S:
        mark.touch()
        os.utime(mark)
        clean_up(store)


def clean_up(store: Store, *, keep_s: float = KEEP_S, keep_newest: int = KEEP_NEWEST) -> list[str]:
    """Remove releases that nothing on this host needs; their ids. Raises OSError."""
    releases = store.root / "releases"
    if not releases.is_dir():
        return []
    found = sorted((p.name for p in releases.iterdir() if is_release(p.name)), key=int)
    shown = {*_pointed_to(store), *_tracked(store)}
    old = [release for release in found[:-keep_newest] if release not in shown]
    removed = [r for r in old if _is_unused(store, r, keep_s) and _remove(store, r)]
    if removed:
        log.info("removed %d releases that were not used for long", len(removed))
    return removed


def _pointed_to(store: Store) -> Iterator[str]:
    """Releases that a pointer of any environment in the cache names."""
    for path in store.root.glob("environments/*/bundles/*"):
        if not path.name.startswith("."):
            named = Store(store.root, path.parts[-3]).parse_pointer(path.name, path.read_bytes())
            yield named or ""


def _tracked(store: Store) -> Iterator[str]:
    """Releases that a bundle of this host shows, whatever its pointer says by now."""
    for link in _storage().glob("*/tracking"):
        with suppress(OSError):
            target = link.readlink()
            if target.is_relative_to(store.root):
                yield target.parent.name


def _storage() -> Path:
    """Where Airflow keeps what is local to bundles."""
    return Path(get_bundle_storage_root_path())  # type: ignore[no-untyped-call]


def _is_unused(store: Store, release: str, keep_s: float) -> bool:
    try:
        used_at = (store.root / "used" / release).stat().st_mtime
    except OSError:
        used_at = (store.folder(release)).stat().st_mtime
    return time.time() - used_at > keep_s


def _remove(store: Store, release: str) -> bool:
    """Remove a release by one rename, unless a task runs with it."""
    with _unlocked(release) as is_free:
        if not is_free:
            return False
        aside = store.root / "releases" / f".gone.{release}.{os.getpid()}"
        store.folder(release).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        (store.root / "used" / release).unlink(missing_ok=True)
        (store.root / "locks" / release).unlink(missing_ok=True)
    return True


@contextmanager
def _unlocked(release: str) -> Iterator[bool]:
    """Hold Airflow's locks of a version, so that no task starts with it; False where one runs.

    Airflow holds a shared lock on `_tracking/<bundle>/<version>` while it runs a task
    (bundles/base.py: BundleVersionLock).
    """
    held = []
    try:
        for path in sorted(_storage().glob(f"_tracking/*/{release}")):
            file = path.open("a")
            held.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
        yield True
    finally:
        for file in held:
            file.close()
