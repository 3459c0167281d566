"""Which files of a tree Airflow never looks at, because of `.airflowignore`, and by which line.

The glob syntax, Airflow's default since 3.0 (`domain.ignores` has the other), as
`_shared/module_loading/file_discovery.py` of Airflow 3.3 reads it, but for a class such as `[!a]`,
which pathspec lets match a `/`. Patterns are hostile text: the matching here is no regular
expression, and its steps are in proportion to the length of path and pattern.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

IGNORE_FILE = ".airflowignore"


class Syntax(StrEnum):
    """Airflow's `[core] dag_ignore_file_syntax`."""

    GLOB = "glob"
    REGEXP = "regexp"


@dataclass(frozen=True, slots=True)
class IgnoredBy:
    """The line that makes Airflow pass over a file; lines count from 1."""

    path: str
    line: int
    pattern: str


@dataclass(frozen=True, slots=True)
class _Class:
    """One character: in one of the inclusive `ranges`, or in none of them where `negated`."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool


_Glob = tuple[_Class | None, ...]
"""What one name must look like; None is `*`."""
_ANY = _Class((), negated=True)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One pattern. `folder` is where its file lies, which `anchored` patterns are relative to; the
    others are held against the last part of a path. Of `parts`, None is `**`."""

    source: IgnoredBy
    folder: str
    parts: tuple[_Glob | None, ...]
    anchored: bool
    dir_only: bool
    negated: bool


def ignored_files(paths: Iterable[str], ignore_texts: Mapping[str, str]) -> dict[str, IgnoredBy]:
    """path → the line that has Airflow ignore it, for those of `paths` that are ignored.

    `ignore_texts` maps the path of each ignore file of the tree to its text.

    >>> ignored_files(["a.py", "old/b.py"], {".airflowignore": "# past\\nold/\\n"})
    {'old/b.py': IgnoredBy(path='.airflowignore', line=2, pattern='old/')}
    """
    rules = {
        path.rpartition("/")[0]: _rules(path, text) for path, text in sorted(ignore_texts.items())
    }
    if not any(rules.values()):
        return {}
    folders: dict[str, IgnoredBy | None] = {"": None}
    found = {path: _ignored_by(path, rules, folders) for path in paths}
    return {path: by for path, by in found.items() if by is not None}


@lru_cache(maxsize=16)
def remembered(
    paths: frozenset[str], ignore_texts: frozenset[tuple[str, str]]
) -> tuple[dict[str, IgnoredBy], tuple[IgnoredBy, ...]]:
    """Which of the paths are ignored, and which lines match nothing, as the two functions here say.

    Remembered, since most revisions change contents and no paths: it takes 0.4 s for 10,000.
    """
    texts = dict(ignore_texts)
    return ignored_files(sorted(paths), texts), tuple(unmatched(sorted(paths), texts))


def unmatched(paths: Iterable[str], ignore_texts: Mapping[str, str]) -> list[IgnoredBy]:
    """The lines that match neither a file nor a folder of the tree, below their own folder.

    >>> unmatched(["old/a.py"], {".airflowignore": "old/\\n.*\\.sql"})
    [IgnoredBy(path='.airflowignore', line=2, pattern='.*\\\\.sql')]
    """
    files = [path for path in paths if path.rpartition("/")[2] != IGNORE_FILE]
    folders = {above for path in files for above in _lineage(path.rpartition("/")[0])}
    found = []
    for path, text in sorted(ignore_texts.items()):
        for rule in _rules(path, text):
            inside = f"{rule.folder}/" if rule.folder else ""
            matches = any(
                _matches(rule, one, is_folder=True) for one in folders if one.startswith(inside)
            ) or (
                not rule.dir_only
                and any(
                    _matches(rule, one, is_folder=False) for one in files if one.startswith(inside)
                )
            )
            if not matches:
                found.append(rule.source)
    return found


def _ignored_by(
    path: str, rules: Mapping[str, list[_Rule]], folders: dict[str, IgnoredBy | None]
) -> IgnoredBy | None:
    """The line that hides the file, or first a folder above it: Airflow does not enter that one.

    `folders` remembers the folders that were judged.
    """
    folder = path.rpartition("/")[0]
    for above in _lineage(folder):
        if above not in folders:
            hidden = folders[above.rpartition("/")[0]]
            folders[above] = hidden or _judge(above, is_folder=True, rules=rules)
    hidden = folders[folder]
    if hidden or path.rpartition("/")[2] == IGNORE_FILE:
        return hidden
    return _judge(path, is_folder=False, rules=rules)


def _judge(path: str, *, is_folder: bool, rules: Mapping[str, list[_Rule]]) -> IgnoredBy | None:
    """The last rule that matches decides; rules of deeper folders come after those above."""
    verdict: IgnoredBy | None = None
    for above in ["", *_lineage(path.rpartition("/")[0])]:
        for rule in rules.get(above, []):
            if (is_folder or not rule.dir_only) and _matches(rule, path, is_folder=is_folder):
                verdict = None if rule.negated else rule.source
    return verdict


def _lineage(folder: str) -> list[str]:
    """The folder and those above it, the outermost first; none for the root."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[: length + 1]) for length in range(len(parts))]


def _rules(path: str, text: str) -> list[_Rule]:
    folder = path.rpartition("/")[0]
    found = [
        _rule(path, folder, number, line) for number, line in enumerate(text.split("\n"), start=1)
    ]
    return [rule for rule in found if rule is not None]


def _rule(path: str, folder: str, number: int, line: str) -> _Rule | None:
    """The rule of a line; None where it holds none, or one that can match nothing.

    Airflow takes `#` and the blanks before it for a comment wherever it stands, and leaves the
    rest to pathspec's gitignore patterns.
    """
    written = line[: line.index("#")].rstrip() if "#" in line else line
    pattern = written if written.endswith("\\ ") else written.rstrip()
    body = pattern.removeprefix("!")
    dir_only = body.endswith("/")
    core = "/**" if pattern == "!/" else body.removesuffix("/")  # pathspec: every folder
    names = core.removeprefix("/").split("/")
    parts = [None if name == "**" else _glob(name) for name in names]
    if not all(names) or () in parts:
        return None
    anchored = "/" in written.rstrip("/")  # of `old/ `, with the blank, Airflow 3.3 says so too
    if anchored and "/" not in core:
        parts = [None, *parts]
    source = IgnoredBy(path, number, pattern)
    return _Rule(source, folder, tuple(parts), anchored, dir_only, pattern != body)


def _matches(rule: _Rule, path: str, *, is_folder: bool) -> bool:
    if not rule.anchored:
        return _match_parts(rule.parts, [path.rpartition("/")[2]], is_folder=is_folder)
    relative = path[len(rule.folder) + 1 :] if rule.folder else path
    return _match_parts(rule.parts, relative.split("/"), is_folder=is_folder)


def _match_parts(parts: tuple[_Glob | None, ...], names: list[str], *, is_folder: bool) -> bool:
    """Whether the parts match a beginning of `names`: what matches a folder matches all in it."""
    reached = {0}  # how many names the parts so far may have used up
    for index, part in enumerate(parts):
        if part is None:
            is_last = index == len(parts) - 1
            # `x/**` is about what lies in x; yet Airflow asks about folders as `x/`, which it
            # matches too.
            least = 1 if is_last and not (is_folder and index) else 0
            reached = set(range(min(reached) + least, len(names) + 1))
        else:
            fits = (used for used in reached if used < len(names))
            reached = {used + 1 for used in fits if _match_name(part, names[used])}
        if not reached:
            return False
    return True


def _match_name(glob: _Glob, name: str) -> bool:
    """Whether a glob matches one whole name.

    >>> _match_name(_glob("[a-c]*.p?"), "b_x.py"), _match_name(_glob("a*b"), "abc")
    (True, False)
    """
    at = used = star_used = 0
    star = -1
    while used < len(name):
        token = glob[at] if at < len(glob) else _NOTHING
        if token is None:
            star, star_used = at, used
            at += 1
        elif _fits(token, name[used]):
            at, used = at + 1, used + 1
        elif star >= 0:  # let the last `*` take one more
            star_used += 1
            at, used = star + 1, star_used
        else:
            return False
    return all(token is None for token in glob[at:])


_NOTHING = _Class((), negated=False)


def _fits(token: _Class, character: str) -> bool:
    return any(low <= character <= high for low, high in token.ranges) is not token.negated


def _glob(name: str) -> _Glob:
    """A name's pattern: `*`, `?`, `[a-z]`, `[!a]`, a backslash quotes. Empty where gitignore does
    not take it for a pattern: a class or a backslash without its end."""
    tokens: list[_Class | None] = []
    at = 0
    while at < len(name):
        character = name[at]
        if character == "*":
            tokens += [None] if not tokens or tokens[-1] is not None else []
        elif character == "?":
            tokens.append(_ANY)
        elif character == "[":
            end = _class_end(name, at)
            if end < 0:
                return ()
            tokens.append(_class(name[at + 1 : end]))
            at = end
        else:
            at += character == "\\"
            if at == len(name):
                return ()
            tokens.append(_Class(((name[at], name[at]),), negated=False))
        at += 1
    return tuple(tokens)


def _class_end(name: str, begin: int) -> int:
    """Where the `]` of the class stands, -1 where it has none; one at its beginning is a member."""
    first = begin + 1
    if name[first : first + 1] in ("!", "^"):
        first += 1
    return name.find("]", first + 1)


def _class(body: str) -> _Class:
    negated = body[0] in "!^"
    members = body[1:] if negated else body
    ranges = []
    at = 0
    while at < len(members):
        is_range = at + 2 < len(members) and members[at + 1] == "-"
        ranges.append((members[at], members[at + 2 if is_range else at]))
        at += 3 if is_range else 1
    return _Class(tuple(ranges), negated)
