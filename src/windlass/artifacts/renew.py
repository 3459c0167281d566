"""Makes a release that waited look as new as it is to Airflow, just before it is deployed."""

import contextlib
import os
import time
from collections.abc import Iterable

from windlass.artifacts.store import Store, explained
from windlass.domain.release import ReleaseId


def renew_times(
    store: Store, release_id: ReleaseId, base: ReleaseId | None, paths: Iterable[str]
) -> None:
    """Give these files of a release, which no pointer has named yet, the time of now.

    Airflow parses a file early only if its mtime is later than its last parse, and parses may have
    happened while the release waited. The files must be its own: none is shared with `base`, whose
    times are passed. Raises Unavailable STORE003.
    """
    with explained(store.root):
        manifest = store.releases / str(release_id) / "manifest.json.gz"
        now_ns = time.time_ns()
        if base is not None:
            before = store.releases / str(base) / "manifest.json.gz"
            with contextlib.suppress(FileNotFoundError):
                now_ns = max(now_ns, before.stat().st_mtime_ns + 1_000_000)
        tree = store.tree(release_id)
        for place in (*(tree / path for path in paths), manifest):
            os.utime(place, ns=(now_ns, now_ns))
