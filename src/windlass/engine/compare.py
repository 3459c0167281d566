"""Releases side by side: what differs by file and DAG, and the text of it."""

import contextlib
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from windlass.database.releases import find_current, get_release
from windlass.database.repositories import get_past_repository
from windlass.domain.artifact import FileEntry
from windlass.domain.comparison import Comparison, FileDifference, compare_artifacts
from windlass.domain.errors import AppError, Conflict
from windlass.domain.release import Release, ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context

MAX_FILE_BYTES = 256 * 1024
MAX_FILE_LINES = 400
MAX_LINES = 2000


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """Two releases of a repository. `texts` maps paths to unified diffs; `untold` maps the other
    paths to why there is none."""

    old: Release
    new: Release
    comparison: Comparison
    texts: dict[str, str]
    untold: dict[str, str]


def compare_releases(
    context: Context, name: str, old: ReleaseId, new: ReleaseId | None, *, text: bool
) -> ReleaseDiff:
    """What makes release `old` into `new`, None: into the one that is deployed now.

    Raises NotFound REPO011 and REL001, Conflict REL015 where nothing is deployed to compare with.
    """
    with context.database.transaction() as connection:
        repository = get_past_repository(connection, name)
        before = get_release(connection, repository.id, old)
        after = (
            find_current(connection, repository.id)
            if new is None
            else get_release(connection, repository.id, new)
        )
        if after is None:
            raise Conflict(
                "REL015",
                f"{name!r} has nothing deployed to compare #{old} with",
                f"Name both releases: windlass release list {name}",
            )
        base, artifact = (context.artifact_of(connection, one) for one in (before, after))
    comparison = compare_artifacts(base, artifact, context.known_of(repository).folder)
    texts: dict[str, str] = {}
    untold: dict[str, str] = {}
    if text:
        reader = _Reader(context, repository, before, after)
        _tell_texts(reader, comparison, texts, untold)
    return ReleaseDiff(before, after, comparison, texts, untold)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the files of two releases, from the store, else from the mirror."""

    context: Context
    repository: Repository
    old: Release
    new: Release

    def lines(self, release: Release, entry: FileEntry | None) -> list[str] | None:
        """The lines of a text file; [] where it is not there, None where it cannot be told."""
        if entry is None:
            return []
        if entry.size_bytes > MAX_FILE_BYTES:
            return None
        content = self._content(release, entry)
        if content is None or b"\0" in content:
            return None
        try:
            return content.decode().splitlines()
        except UnicodeDecodeError:
            return None

    def _content(self, release: Release, entry: FileEntry) -> bytes | None:
        with contextlib.suppress(AppError):
            return self.context.store.read_file(release.id, entry)
        with contextlib.suppress(AppError):
            return self.context.mirror_of(self.repository).find_blob(entry.blob)
        return None


def _tell_texts(
    reader: _Reader, comparison: Comparison, texts: dict[str, str], untold: dict[str, str]
) -> None:
    left = MAX_LINES
    for one in comparison.files:
        if left <= 0:
            untold[one.path] = f"the diff has {MAX_LINES} lines already"
            continue
        lines = _diff(reader, one)
        if lines is None:
            untold[one.path] = "no text, too large, or gone from store and mirror"
            continue
        shown = lines[: min(left, MAX_FILE_LINES)]
        left -= len(shown)
        texts[one.path] = "\n".join(shown)
        if len(shown) < len(lines):
            texts[one.path] += f"\n… and {len(lines) - len(shown)} more lines"


def _diff(reader: _Reader, one: FileDifference) -> list[str] | None:
    old, new = reader.lines(reader.old, one.old), reader.lines(reader.new, one.new)
    if old is None or new is None:
        return None
    names = (
        f"a/{one.path}" if one.old else "/dev/null",
        f"b/{one.path}" if one.new else "/dev/null",
    )
    return list(_unified(old, new, *names, one))


def _unified(
    old: list[str], new: list[str], old_name: str, new_name: str, one: FileDifference
) -> Iterator[str]:
    if one.old and one.new and one.old.mode != one.new.mode:
        yield f"mode {one.old.mode:04o} → {one.new.mode:04o}"
    yield from difflib.unified_diff(old, new, old_name, new_name, lineterm="")
