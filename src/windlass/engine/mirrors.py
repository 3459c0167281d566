"""The upkeep of this worker's mirrors, off the path of every sync: packed, bounded, removed."""

import time
from collections.abc import Callable
from pathlib import Path

from windlass.database.repositories import list_repository_ids
from windlass.domain.events import Event
from windlass.engine.context import Context, log
from windlass.git.mirror import mirror_of
from windlass.git.process import GitStopped
from windlass.git.upkeep import needs_packing, pack, remove, size_bytes, used_at

ROUND_S = 300.0
IN_USE_S = 600.0
"""A mirror that was fetched into this recently is not removed for its size: a sync may read it."""


def keep_mirrors(context: Context, should_stop: Callable[[], bool]) -> float:
    """One round over all mirrors, one at a time; seconds until the next. Ends early where
    `should_stop` says so."""
    try:
        kept = _remove_unowned(context)
        for git_dir in kept:
            if should_stop():
                break
            _pack(git_dir, should_stop)
        _bound(kept, context.mirror_quota_bytes)
    except GitStopped:
        pass
    return ROUND_S


def _remove_unowned(context: Context) -> list[Path]:
    """Remove mirrors of repositories that are not there any more; the others."""
    # Listed first: a repository that is added meanwhile has no mirror here yet.
    found = {path for path in context.mirrors.glob("*.git") if path.is_dir()}
    with context.database.transaction() as connection:
        there = list_repository_ids(connection)
    owned = {mirror_of(context.mirrors, one).git_dir for one in there}
    for git_dir in sorted(found - owned):
        remove(git_dir)
        log.info(Event.MIRROR_REMOVED, mirror=git_dir.name, reason="its repository is gone")
    return sorted(found & owned)


def _pack(git_dir: Path, should_stop: Callable[[], bool]) -> None:
    if not needs_packing(git_dir):
        return
    before = size_bytes(git_dir)
    if pack(git_dir, should_stop):
        after = size_bytes(git_dir)
        log.info(Event.MIRROR_PACKED, mirror=git_dir.name, before=before, after=after)


def _bound(mirrors: list[Path], quota_bytes: int) -> None:
    """Remove the mirrors that were not used for longest, until all fit. The next sync of theirs
    fetches anew."""
    sizes = {git_dir: size_bytes(git_dir) for git_dir in mirrors}
    total = sum(sizes.values())
    newest = time.time() - IN_USE_S
    for git_dir in sorted(mirrors, key=used_at):
        if total <= quota_bytes or used_at(git_dir) > newest:
            return
        remove(git_dir)
        total -= sizes[git_dir]
        reason = f"all mirrors together take more than {quota_bytes:,} bytes"
        log.warning(Event.MIRROR_REMOVED, mirror=git_dir.name, reason=reason)
