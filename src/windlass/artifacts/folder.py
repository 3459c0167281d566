"""The folder target: below one folder of plain files, a link for each repository to its release.

`environments/<environment>/dags/<namespace>/<repository>` is a relative link to a release's tree,
replaced by rename. Releases lie outside of that folder: two ways to one real folder end Airflow's
search of the whole bundle ("Detected recursive loop").
"""

import contextlib
import re
import tempfile
from pathlib import Path

from windlass.artifacts.files import make_folder, sync_file
from windlass.artifacts.store import Store, explained
from windlass.domain.errors import Conflict
from windlass.domain.release import ReleaseId

_TARGET = re.compile(r"(?:\.\./){4}releases/([1-9][0-9]*)/tree")


def dags_folder(store: Store, environment: str) -> Path:
    """What Airflow's `dags_folder` is, where the store is mounted in the same place."""
    return store.root / "environments" / environment / "dags"


def make_dags_folder(store: Store, environment: str) -> None:
    """Make that folder, of a store that is there, before Airflow starts: Python never looks again
    from a folder that was not there when its process first looked (importlib's PathFinder), and
    Airflow 2 imports in forks of one process."""
    folder = dags_folder(store, environment)
    with explained(store.root):
        for one in (folder.parent, folder):
            make_folder(one)


def read_link(store: Store, environment: str, place: str) -> ReleaseId | None:
    """The release that `place`, a `<namespace>/<repository>`, shows; None where it shows none, or
    is no link of ours."""
    with explained(store.root), contextlib.suppress(FileNotFoundError):
        link = dags_folder(store, environment) / place
        found = _TARGET.fullmatch(str(link.readlink())) if link.is_symlink() else None
        return ReleaseId(int(found[1])) if found else None
    return None


def write_link(
    store: Store,
    environment: str,
    place: str,
    release_id: ReleaseId | None,
    *,
    unbinds: bool = False,
) -> bool:
    """Show that release, or none; False if it was so already.

    The caller holds the lock of this bundle. A link never goes back to a lower release, and is
    taken away only where `unbinds` says that this is meant: Conflict STORE005. What is no link is
    never replaced: Conflict STORE006.
    """
    root = dags_folder(store, environment)
    link = root / place
    now = read_link(store, environment, place)
    if now == release_id and (release_id is not None or not link.is_symlink()):
        return False
    if now is not None and not unbinds and now > (release_id or 0):
        raise Conflict(
            "STORE005",
            f"the folder {place!r} shows release #{now}, newer than #{release_id or '-'}",
            "The database is older than the store: was it restored from a backup? Set the "
            "sequence release_number above that number.",
        )
    with explained(store.root):
        if link.exists() and not link.is_symlink():
            raise Conflict(
                "STORE006",
                f"{str(link)!r} is no link of Windlass's",
                "Move it away: Windlass owns this folder, and replaces nothing that it did not "
                "make.",
            )
        if release_id is None:
            link.unlink(missing_ok=True)
            sync_file(link.parent)
            return True
        make_dags_folder(store, environment)  # not the store: it may be unmounted
        make_folder(link.parent)
        _replace_link(link, f"../../../../releases/{release_id}/tree", root.parent)
    return True


def _replace_link(link: Path, target: str, outside: Path) -> None:
    """Made outside of what Airflow walks, where it would be a second way to one folder."""
    with tempfile.TemporaryDirectory(prefix=".link.", dir=outside) as aside:
        new = Path(aside) / "link"
        new.symlink_to(target)
        new.rename(link)
    sync_file(link.parent)
