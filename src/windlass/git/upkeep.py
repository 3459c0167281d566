"""Keeps mirrors small: packs what fetches left loose, drops what nothing leads to any more.

git's own gc is safe beside fetches and readers, since what it drops must be old (git-gc(1), NOTES);
a lock of its own keeps a second one away. So no fetch ever waits for it.
"""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from windlass.git.extent import promised_in
from windlass.git.mirror import USED
from windlass.git.process import Access, GitFailed, run_git

MAX_PACKS = 50
"""git's own gc.autoPackLimit. Every fetch leaves a pack, since what comes is checked."""
MAX_LOOSE = 1000
LIMIT_S = 1800.0
_SAMPLE = ("17", "4a", "8c", "e1")  # of 256 folders; names of objects spread evenly
_KEPT_FOR = "14.days.ago"


def needs_packing(git_dir: Path) -> bool:
    """Whether a mirror holds more loose objects or packs than it should; from a sample."""
    objects = git_dir / "objects"
    loose = sum(_count(objects / folder, "") for folder in _SAMPLE) * 256 // len(_SAMPLE)
    return loose > MAX_LOOSE or _count(objects / "pack", ".pack") > MAX_PACKS


def pack(git_dir: Path, should_stop: Callable[[], bool] | None = None) -> bool:
    """Pack a mirror anew; False where git could not, such as where another gc runs.

    What is not reachable and older than two weeks is dropped. Raises GitStopped.
    """
    command = ["gc", "--quiet", "--cruft", f"--prune={_KEPT_FOR}"]
    try:
        run_git(
            command,
            git_dir=git_dir,
            access=Access(config=promised_in(git_dir)),
            limit_s=LIMIT_S,
            should_stop=should_stop,
        )
    except GitFailed:
        return False
    return True


def size_bytes(git_dir: Path) -> int:
    """What a mirror takes on disk, in whole blocks."""
    total = 0
    for path in git_dir.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # packed or fetched meanwhile
            total += path.lstat().st_blocks * 512
    return total


def used_at(git_dir: Path) -> float:
    """When it was last fetched into, in seconds since the epoch; 0 where never."""
    try:
        return (git_dir / USED).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def remove(git_dir: Path) -> None:
    """Delete a mirror. A sync that reads it fails and makes it anew."""
    aside = git_dir.with_name(f".{git_dir.name}.gone")
    with contextlib.suppress(FileNotFoundError):
        git_dir.rename(aside)  # at once, so that nobody fetches into half of it
    shutil.rmtree(aside, ignore_errors=True)


def _count(folder: Path, suffix: str) -> int:
    try:
        return sum(1 for path in folder.iterdir() if path.name.endswith(suffix))
    except FileNotFoundError:
        return 0
