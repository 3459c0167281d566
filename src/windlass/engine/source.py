"""Where the files that are checked come from: a revision of a mirror, or a folder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from windlass.domain.errors import Invalid
from windlass.domain.repository import CommitSha, Repository
from windlass.domain.tree import TreeEntry
from windlass.git.listing import ListingMemory
from windlass.git.mirror import Mirror
from windlass.git.submodules import expand_submodules


class Source(Protocol):
    """A tree that can be listed and read."""

    def list_tree(self, max_entries: int) -> list[TreeEntry] | None:
        """Every entry below the DAG root, symlinks without their target; None where there are more
        than `max_entries`, or their paths are too long to be listed."""

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The content of each `oid` of an entry, once; of a symlink, its target."""


@dataclass(frozen=True, slots=True)
class RevisionSource:
    """The DAG root `path` of a revision that the mirror has; with the files of `submodules` that
    it has too, where those are wanted."""

    mirror: Mirror
    revision: CommitSha
    path: str
    listings: ListingMemory
    submodules: bool = False
    only: tuple[str, ...] = ()

    def list_tree(self, max_entries: int) -> list[TreeEntry] | None:
        """Raises as `Mirror.list_tree` does, and Invalid GIT026 where something of `only` is not
        there: to deploy nothing in its place would take its DAGs away."""
        rows = self.listings.list_tree(
            self.mirror, self.revision, self.path, max_entries, self.only
        )
        if rows is not None and self.only:
            self._check_only(rows)
        if rows is None or not self.submodules:
            return rows
        return expand_submodules(self.mirror, rows, max_entries)

    def _check_only(self, rows: list[TreeEntry]) -> None:
        there = {row.path for row in rows}
        there |= {str(above) for row in rows for above in PurePosixPath(row.path).parents}
        missing = [one for one in self.only if one not in there]
        if missing:
            raise Invalid(
                "GIT026",
                f"the revision {self.revision[:7]} has no {missing[0]!r} below its DAG root, and "
                "the option paths names it",
                "Take it out of paths, or put it back into the repository.",
            )

    def read_blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Raises as `Mirror.read_blobs` does."""
        return self.mirror.read_blobs(oids)


def source_of(
    repository: Repository, mirror: Mirror, revision: CommitSha, listings: ListingMemory
) -> RevisionSource:
    """The tree that a repository deploys of a revision."""
    options = repository.options
    return RevisionSource(
        mirror, revision, repository.path, listings, options.submodules, options.paths
    )
