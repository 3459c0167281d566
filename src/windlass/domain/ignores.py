"""Which files of a tree Airflow passes over, by the syntax in which it reads `.airflowignore`.

The glob syntax, Airflow's default since 3.0, is read by `domain.airflowignore` in linear time. The
regexp syntax, the default before, is Python's own `re`: what is hostile there may take for ever, so
`hits` must run in a process that may be killed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from windlass.domain.airflowignore import IGNORE_FILE, IgnoredBy, Syntax, remembered
from windlass.domain.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Ignores:
    """What the ignore files of a tree say. `hidden` maps the paths that Airflow passes over to the
    line for it; `idle` are lines that match nothing, `invalid` those that are no pattern; `unread`
    are files whose patterns took too long."""

    syntax: Syntax = Syntax.GLOB
    hidden: Mapping[str, IgnoredBy] = field(default_factory=dict)
    idle: tuple[IgnoredBy, ...] = ()
    invalid: tuple[IgnoredBy, ...] = ()
    unread: tuple[str, ...] = ()


NO_IGNORES = Ignores()
ReadIgnores = Callable[[Artifact], Ignores]


def read_globs(artifact: Artifact) -> Ignores:
    """What the ignore files of a tree say, by the glob syntax."""
    texts = artifact.ignore_texts
    if not texts:
        return NO_IGNORES
    hidden, idle = remembered(frozenset(artifact.files), frozenset(texts.items()))
    return Ignores(hidden=hidden, idle=idle)


@dataclass(frozen=True, slots=True)
class Hits:
    """What the patterns of one ignore file match: path → the first line that does; and the lines
    that match nothing or are no pattern. A line comes with its number."""

    matched: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    idle: tuple[tuple[int, str], ...] = ()
    invalid: tuple[tuple[int, str], ...] = ()


def hits(text: str, paths: Iterable[str], root: str = "") -> Hits:
    """What the regular expressions in `text` match of `paths`, which lie `root` below the folder
    that Airflow looks at (`_RegexpIgnoreRule` of Airflow 2.11 to 3.3). May take for ever.

    >>> hits("old/\\n*.py", ["old", "old/a.py"]).matched
    {'old/a.py': (1, 'old/')}
    """
    rules, invalid = list[tuple[int, str, re.Pattern[str]]](), list[tuple[int, str]]()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        written = line[: line.index("#")].rstrip() if "#" in line else line
        if not written:
            continue
        try:
            rules.append((number, written, re.compile(written)))
        except (re.error, OverflowError, RecursionError):
            invalid.append((number, written))
    matched: dict[str, tuple[int, str]] = {}
    busy: set[int] = set()
    for path in paths:
        whole = f"{root}/{path}" if root else path
        for number, written, pattern in rules:
            if pattern.search(whole):
                matched.setdefault(path, (number, written))
                busy.add(number)
    idle = tuple((number, written) for number, written, _ in rules if number not in busy)
    return Hits(matched, idle, tuple(invalid))


def paths_below(paths: Iterable[str], ignore_file: str) -> list[str]:
    """The files and folders that an ignore file is about: those below its own folder."""
    folder = ignore_file.rpartition("/")[0]
    inside = f"{folder}/" if folder else ""
    files = [p for p in paths if p.startswith(inside) and p.rpartition("/")[2] != IGNORE_FILE]
    folders = {above for path in files for above in _folders_of(path) if above.startswith(inside)}
    return sorted({*files, *folders})


def join_hits(paths: Iterable[str], found: Mapping[str, Hits | None]) -> Ignores:
    """All of a tree, from what each ignore file matches; None of one that took too long."""
    by_folder = {path.rpartition("/")[0]: (path, one) for path, one in found.items() if one}
    hidden = {path: by for path in paths if (by := _hidden_by(path, by_folder))}

    def lines(name: str) -> tuple[IgnoredBy, ...]:
        told = ((path, *line) for path, one in found.items() if one for line in getattr(one, name))
        return tuple(IgnoredBy(*line) for line in told)

    unread = tuple(path for path, one in found.items() if one is None)
    return Ignores(Syntax.REGEXP, hidden, lines("idle"), lines("invalid"), unread)


def _hidden_by(path: str, by_folder: Mapping[str, tuple[str, Hits]]) -> IgnoredBy | None:
    """The line for a path or, first, for a folder above it: Airflow does not enter that one. The
    outermost ignore file decides first."""
    if path.rpartition("/")[2] == IGNORE_FILE:
        return None
    for one in [*_folders_of(path), path]:
        for folder in ["", *_folders_of(one)]:
            source, matched = by_folder.get(folder, ("", Hits()))
            if one in matched.matched:
                return IgnoredBy(source, *matched.matched[one])
    return None


def _folders_of(path: str) -> Iterator[str]:
    """The folders above a path, the outermost first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
