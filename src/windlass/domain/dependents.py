"""Which DAG files must be parsed again when files of a tree change.

A plain reading, on the safe side: a file that need not be parsed again costs Airflow a few
milliseconds; one that is missed runs old code until Airflow's next periodic parse.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from windlass.domain.artifact import Artifact, Changes, FileEntry, root_module


def changes_between(old: Artifact, new: Artifact, folder: str = "") -> Changes:
    """The changes that make `old` into `new`, by content and mode. `folder` is where the DAG root
    lies in the folder that Python looks from; "" where it is that folder."""
    found = content_changes(old, new)
    touched = found.added | found.removed | found.modified
    return replace(found, parsed_again=dag_files_touched(new, touched, folder))


def content_changes(old: Artifact, new: Artifact) -> Changes:
    """As `changes_between`, but for what must be parsed again, which is left empty."""
    before, after = _unshared(old, new), _unshared(new, old)
    added = frozenset(after.keys() - before.keys())
    removed = frozenset(before.keys() - after.keys())
    modified = frozenset(
        path
        for path in after.keys() & before.keys()
        if after[path].content_key != before[path].content_key
    )
    return Changes(added, modified, removed, frozenset())


def dag_files_touched(
    artifact: Artifact, touched: frozenset[str], folder: str = ""
) -> frozenset[str]:
    """The DAG files of the artifact that changed or depend, however indirectly, on `touched`."""
    return frozenset(_causes(artifact, touched, folder))


def reasons_to_parse(artifact: Artifact, changes: Changes, folder: str = "") -> dict[str, str]:
    """Why each of `changes.parsed_again` must be parsed again, in words, by path."""
    touched = changes.added | changes.modified | changes.removed
    return {
        path: _reason(path, cause, changes)
        for path, cause in _causes(artifact, touched, folder).items()
    }


def _reason(path: str, cause: str, changes: Changes) -> str:
    if cause == path:
        return "new" if path in changes.added else "changed"
    what = "new" if cause in changes.added else "gone" if cause in changes.removed else "changed"
    return f"depends on {cause}, which is {what}"


def _causes(artifact: Artifact, touched: frozenset[str], folder: str) -> dict[str, str]:
    """The DAG files that are reached from `touched`, each with the touched file it was reached
    from first: itself, if it is one."""
    if not touched:
        return {}
    files = artifact.files
    importers = _importers(artifact, touched, folder)
    reached = {path: path for path in touched if path in files}
    frontier = [(module, path) for path in sorted(touched) for module in module_names(path)]
    for path, cause in _mentioning(artifact, touched):
        reached.setdefault(path, cause)
        frontier.extend((module, cause) for module in module_names(path))
    seen: set[str] = set()
    while frontier:
        module, cause = frontier.pop()
        if module in seen:
            continue
        seen.add(module)
        for path in importers[module]:
            reached.setdefault(path, cause)
            frontier.extend((name, cause) for name in module_names(path))
    return {
        path: cause
        for path, cause in reached.items()
        if (outline := files[path].outline) is not None and outline.is_candidate
    }


def _unshared(artifact: Artifact, other: Artifact) -> dict[str, FileEntry]:
    """The files of the artifact but for those of chunks that the other has too."""
    theirs = {chunk.identity for chunk in other.chunks}
    return {
        entry.path: entry
        for chunk in artifact.chunks
        if chunk.identity not in theirs
        for entry in chunk.entries
    }


def _importers(artifact: Artifact, touched: frozenset[str], folder: str) -> dict[str, list[str]]:
    """The paths that import each module of the tree, removed ones included; `import a.b` runs `a`
    too, so it counts for both. Libraries are left out: most imports are of them."""
    own = {root_module(path) for path in touched}.union(*(chunk.roots for chunk in artifact.chunks))
    around = f"{folder.replace('/', '.')}." if folder else ""
    own |= {around.partition(".")[0]} - {""}
    importers: dict[str, list[str]] = defaultdict(list)
    for chunk in artifact.chunks:
        for root in own & chunk.imported.keys():
            for path, name in chunk.imported[root]:
                parts = name.removeprefix(around).split(".")
                for length in range(1, len(parts) + 1):
                    importers[".".join(parts[:length])].append(path)
    return importers


def _mentioning(artifact: Artifact, touched: Iterable[str]) -> list[tuple[str, str]]:
    """The Python files whose literals name a changed file that is not Python, or match its name,
    each with that file.

    A literal may be the end of a name only: f"{table}.sql" names every file that ends so.
    """
    names = {PurePosixPath(path).name: path for path in touched if not path.endswith(".py")}
    if not names:
        return []
    ends = {name[start:]: path for name, path in names.items() for start in range(len(name))}
    return [
        (path, cause)
        for path, entry in artifact.files.items()
        if entry.outline and (cause := _mentioned(entry.outline.mentions, ends, names))
    ]


def _mentioned(
    mentions: Iterable[str], ends: Mapping[str, str], names: Mapping[str, str]
) -> str | None:
    for mention in mentions:
        if mention in ends:
            return ends[mention]
        if "*" in mention or "?" in mention:
            for name, path in names.items():
                if fnmatchcase(name, mention):
                    return path
    return None


def module_names(path: str) -> list[str]:
    """The names under which the file can be imported, the DAG root being on `sys.path`.

    >>> module_names("team/rates.py")
    ['team.rates']
    >>> module_names("team/__init__.py")
    ['team']
    >>> module_names("query.sql")
    []
    """
    folder, _, name = path.rpartition("/")
    if not name.endswith(".py") or name == ".py":
        return []
    place = folder if name == "__init__.py" else path.removesuffix(".py")
    return [place.replace("/", ".")] if place else []
