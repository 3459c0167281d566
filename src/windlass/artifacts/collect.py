"""Takes releases out of the store that nobody needs any more, and what crashes left behind."""

import contextlib
import shutil
import time
from pathlib import Path

from windlass.artifacts.store import Store, explained
from windlass.domain.release import ReleaseId

_GONE = ".gone."
LEFTOVER_S = 3600.0
"""How old unfinished work must be before it is taken for what a crash left: a worker gives up its
lease long before."""


def remove_release(store: Store, release_id: ReleaseId) -> bool:
    """Take a release out of the store; False if it was not there.

    It goes by one rename, so a reader finds all of it or nothing. Whether anybody refers to it is
    not checked here. Raises Unavailable STORE003.
    """
    aside = store.releases / f"{_GONE}{release_id}"
    with explained(store.root):
        shutil.rmtree(aside, ignore_errors=True)
        try:
            (store.releases / str(release_id)).rename(aside)
        except FileNotFoundError:
            return False
        _delete(aside)
    return True


def remove_leftovers(store: Store, *, older_than_s: float = LEFTOVER_S) -> int:
    """Delete unfinished releases and files that were written aside and never renamed; how many."""
    limit = time.time() - older_than_s
    removed = 0
    with explained(store.root):
        for folder in (store.root, store.releases, *store.root.glob("environments/*/bundles")):
            for place in folder.glob(".*"):
                with contextlib.suppress(FileNotFoundError):
                    if place.lstat().st_mtime < limit or place.name.startswith(_GONE):
                        _delete(place)
                        removed += 1
    return removed


def old_releases(store: Store, *, older_than_s: float = LEFTOVER_S) -> list[ReleaseId]:
    """The releases in the store that were written so long ago or longer."""
    limit = time.time() - older_than_s
    with explained(store.root):
        return [
            ReleaseId(int(place.name))
            for place in store.releases.iterdir()
            if place.name.isdecimal() and place.stat().st_mtime < limit
        ]


def _delete(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
