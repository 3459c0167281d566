"""Which DAG files must be parsed again when files of a tree change.

A plain reading, on the safe side: a file that need not be parsed again costs Airflow a few
milliseconds; one that is missed runs old code until Airflow's next periodic parse.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from windlass.domain.artifact import Artifact, Changes, FileEntry


def changes_between(old: Artifact, new: Artifact) -> Changes:
    """The changes that make `old` into `new`, by content and mode."""
    before, after = old.files, new.files
    added = frozenset(after.keys() - before.keys())
    removed = frozenset(before.keys() - after.keys())
    modified = frozenset(
        path
        for path in after.keys() & before.keys()
        if after[path].content_key != before[path].content_key
    )
    touched = added | removed | modified
    return Changes(added, modified, removed, _dag_files_touched(new.files, touched))


def _dag_files_touched(files: Mapping[str, FileEntry], touched: frozenset[str]) -> frozenset[str]:
    """The DAG files among `files` that changed or depend, however indirectly, on `touched`."""
    if not touched:
        return frozenset()
    importers = _importers(files, touched)
    reached = {path for path in touched if path in files}
    frontier = [module for path in touched for module in module_names(path)]
    for path in _mentioning(files, touched):
        reached.add(path)
        frontier.extend(module_names(path))
    seen: set[str] = set()
    while frontier:
        module = frontier.pop()
        if module in seen:
            continue
        seen.add(module)
        for path in importers[module]:
            reached.add(path)
            frontier.extend(module_names(path))
    return frozenset(p for p in reached if (o := files[p].outline) is not None and o.is_candidate)


def _importers(files: Mapping[str, FileEntry], touched: frozenset[str]) -> dict[str, list[str]]:
    """The paths that import each module of the tree, removed ones included; `import a.b` runs `a`
    too, so it counts for both."""
    own = {path.partition("/")[0].removesuffix(".py") for path in (*files, *touched)}
    importers: dict[str, list[str]] = defaultdict(list)
    for path, entry in files.items():
        for name in entry.outline.imports if entry.outline else ():
            if name.partition(".")[0] not in own:
                continue  # a library: most imports are, so this is worth a look
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                importers[".".join(parts[:length])].append(path)
    return importers


def _mentioning(files: Mapping[str, FileEntry], touched: Iterable[str]) -> list[str]:
    """The Python files whose literals name a changed file that is not Python, or match its name.

    A literal may be the end of a name only: f"{table}.sql" names every file that ends so.
    """
    names = {PurePosixPath(path).name for path in touched if not path.endswith(".py")}
    if not names:
        return []
    ends = {name[start:] for name in names for start in range(len(name))}
    return [
        path
        for path, entry in files.items()
        if entry.outline and any(m in ends or _matches(m, names) for m in entry.outline.mentions)
    ]


def _matches(mention: str, names: set[str]) -> bool:
    is_pattern = "*" in mention or "?" in mention
    return is_pattern and any(fnmatchcase(name, mention) for name in names)


def module_names(path: str) -> list[str]:
    """The names under which the file can be imported, the DAG root being on `sys.path`.

    >>> module_names("team/rates.py")
    ['team.rates']
    >>> module_names("team/__init__.py")
    ['team']
    >>> module_names("query.sql")
    []
    """
    pure = PurePosixPath(path)
    if pure.suffix != ".py":
        return []
    parts = pure.parts[:-1] if pure.name == "__init__.py" else (*pure.parts[:-1], pure.stem)
    return [".".join(parts)] if parts else []
