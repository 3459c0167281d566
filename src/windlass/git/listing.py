"""Trees that were listed before: the next one is told by its difference to the last.

Git passes over folders that are the same in both, so a one-file commit costs one folder and not
20,000 entries. What comes out is what `Mirror.list_tree` says, or that is asked.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.domain.errors import AppError
from windlass.domain.repository import CommitSha
from windlass.domain.tree import TreeEntry
from windlass.git.mirror import Mirror

MIN_FILES = 2_000  # below, listing all is as quick
MAX_CHANGES = 2_000  # above, too
MAX_PATHS_CHARACTERS = 5_000_000  # above, only git knows whether the whole can be listed


@dataclass(frozen=True, slots=True)
class _Listed:
    sha: CommitSha
    path: str
    only: tuple[str, ...]
    entries: Mapping[str, TreeEntry]


class ListingMemory:
    """The last listing of each mirror of `min_files` or more, up to `max_entries` in all. Safe for
    threads, of which one at a time may list the trees of one mirror."""

    def __init__(self, max_entries: int = 60_000, min_files: int = MIN_FILES) -> None:
        self._max_entries = max_entries
        self._min_files = min_files
        self._kept: OrderedDict[Path, _Listed] = OrderedDict()
        self._lock = threading.Lock()

    def list_tree(
        self,
        mirror: Mirror,
        sha: CommitSha,
        path: str,
        max_entries: int,
        only: tuple[str, ...] = (),
    ) -> list[TreeEntry] | None:
        """What `Mirror.list_tree` says; raises as it does."""
        with self._lock:
            known = self._kept.get(mirror.git_dir)
        entries = None
        if known and (known.path, known.only) == (path, only):
            entries = _apply_changes(mirror, known, sha)
        if entries is None or len(entries) > max_entries:
            rows = mirror.list_tree(sha, path, max_entries, only)
            if rows is None:
                return None
            entries = {row.path: row for row in rows}
        self._keep(mirror.git_dir, _Listed(sha, path, only, entries))
        return [*entries.values()]

    def _keep(self, mirror: Path, listed: _Listed) -> None:
        with self._lock:
            self._kept.pop(mirror, None)
            if len(listed.entries) < self._min_files:
                return
            self._kept[mirror] = listed
            total = sum(len(one.entries) for one in self._kept.values())
            while total > self._max_entries and len(self._kept) > 1:
                total -= len(self._kept.popitem(last=False)[1].entries)


def _apply_changes(
    mirror: Mirror, known: _Listed, sha: CommitSha
) -> Mapping[str, TreeEntry] | None:
    """The entries of the tree by path; None where the difference does not tell them for sure."""
    if known.sha == sha:
        return known.entries
    try:
        changes = mirror.list_changes(known.sha, sha, known.path, MAX_CHANGES, known.only)
    except AppError:  # `list_tree` asks again, and says what is wrong
        return None
    if changes is None:
        return None
    changed, removed = changes
    entries = {**known.entries, **{entry.path: entry for entry in changed}}
    if len(entries) > len(known.entries):
        entries = dict(sorted(entries.items()))  # as git orders them
    for gone in removed:
        entries.pop(gone, None)
    return entries if sum(map(len, entries)) <= MAX_PATHS_CHARACTERS else None
