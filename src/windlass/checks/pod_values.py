"""Pods as people write them, in YAML or with the client's models, read into one kind of value."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from windlass.checks.aliases import dotted, last_part

MAX_DEPTH = 40
MAX_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Value:
    """A map (`entries`), a list (`items`), a scalar (`plain`), or what only running tells.

    `model` is the class of the client that makes it, without its V1; "" for what is written out.
    `is_open` says that a map may have more entries than those that are written.
    """

    kind: str  # map, list, scalar or unknown
    line: int
    column: int
    plain: Any = None
    entries: Mapping[str, "Value"] = field(default_factory=dict)
    items: tuple["Value", ...] = ()
    model: str = ""
    is_open: bool = False

    def get(self, *path: str) -> "Value | None":
        """What lies at the end of these keys; None where a key is missing."""
        found: Value | None = self
        for key in path:
            found = found.entries.get(key) if found is not None else None
        return found


class Unreadable(Exception):
    """The text is no YAML, or is nested or long beyond all reason. Holds its line and what is
    wrong."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(line, what)
        self.line = line
        self.what = what


# ------------------------------------------------------------------------------------------ YAML


def read_yaml(text: str) -> Iterator[Value]:
    """Each document of a YAML text; raises Unreadable at the first that is none, and ImportError
    where the interpreter has no PyYAML."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Events(yaml.parse(text, Loader=loader))
    try:
        for event in reader.events:
            if type(event).__name__ == "DocumentStartEvent":
                yield reader.value(next(reader.events), 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        problem = (error.problem or "it cannot be read")[:100]
        raise Unreadable(mark.line + 1 if mark else 1, problem) from error
    except yaml.YAMLError as error:
        raise Unreadable(1, str(error)[:100]) from error


class _Events:
    """Turns the events of PyYAML into values. What an alias stands for counts once more each time,
    so that nothing multiplies: beyond the limit it stays unknown."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self._count = 0
        self._anchors: dict[str, tuple[Value, int]] = {}

    def value(self, event: Any, depth: int) -> Value:
        mark = event.start_mark
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise Unreadable(mark.line + 1, "it is nested too deeply, or too long")
        place = (mark.line + 1, mark.column + 1)
        if type(event).__name__ == "AliasEvent":
            found, size = self._anchors.get(event.anchor, (None, 0))
            if found is None or self._count + size > MAX_VALUES:
                return Value("unknown", *place)
            self._count += size
            return found
        before = self._count
        value = self._written(event, place, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before + 1
        return value

    def _written(self, event: Any, place: tuple[int, int], depth: int) -> Value:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            return Value("scalar", *place, plain=_scalar(event))
        if kind == "SequenceStartEvent":
            return Value("list", *place, items=tuple(self._items(depth)))
        if kind == "MappingStartEvent":
            entries = _merged(dict(self._entries(depth)))
            return Value("map", *place, entries=entries, is_open="<<" in entries)
        return Value("unknown", *place)

    def _items(self, depth: int) -> Iterator[Value]:
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            yield self.value(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[str, Value]]:
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self.value(event, depth + 1)
            yield str(key.plain), self.value(next(self.events), depth + 1)


def _merged(entries: dict[str, Value]) -> dict[str, Value]:
    """A map with what `<<` names below it: of several the first, and what is written wins."""
    merged = entries.get("<<")
    if merged is None:
        return entries
    sources = merged.items if merged.kind == "list" else (merged,)
    if any(one.kind != "map" for one in sources):
        return entries
    found: dict[str, Value] = {}
    for one in reversed(sources):
        found |= one.entries
    return found | {key: value for key, value in entries.items() if key != "<<"}


_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?[0-9]{0,18}\.[0-9]{1,18}")
_WORDS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


def _scalar(event: Any) -> Any:
    """As YAML 1.1 reads it, which is what Airflow reads with."""
    text = event.value
    if not event.implicit[0]:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


# ---------------------------------------------------------------------------------------- Python


Expressions = Callable[[str], ast.expr | None]
"""What a name of a file stands for; None where that is not known."""


def read_python(
    node: ast.expr, names: Mapping[str, str], stands_for: Expressions, depth: int = 0
) -> Value:
    """What an expression is, as far as it is written out. A name is what the file gives it once,
    but for what models are made of: they are looked at where they are made."""
    place = (node.lineno, node.col_offset + 1)
    if depth > MAX_DEPTH:
        return Value("unknown", *place)
    if isinstance(node, ast.Name):
        found = stands_for(node.id)
        if isinstance(found, ast.Constant | ast.Dict):
            value = read_python(found, names, stands_for, depth + 1)
            return replace(value, line=node.lineno, column=node.col_offset + 1)
    if isinstance(node, ast.Constant):
        return Value("scalar", *place, plain=node.value)
    if isinstance(node, ast.List | ast.Tuple):
        items = tuple(read_python(one, names, stands_for, depth + 1) for one in node.elts)
        return Value("list", *place, items=items)
    if isinstance(node, ast.Dict):
        entries = {
            key.value: read_python(value, names, stands_for, depth + 1)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        return Value("map", *place, entries=entries, is_open=len(entries) < len(node.keys))
    model = model_of(node, names)
    is_dict = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict"
    if isinstance(node, ast.Call) and (model or is_dict):
        given, is_open = read_keywords(node, names, stands_for, depth + 1)
        is_open = is_open or bool(node.args)
        return Value("map", *place, entries=given, model=model, is_open=is_open)
    return Value("unknown", *place)


def read_keywords(
    call: ast.Call, names: Mapping[str, str], stands_for: Expressions, depth: int = 0
) -> tuple[dict[str, Value], bool]:
    """The keywords of a call, those in `**{…}` too; and whether there may be more."""
    found: dict[str, Value] = {}
    is_open = False
    for key in call.keywords:
        value = read_python(key.value, names, stands_for, depth)
        if key.arg:
            found[key.arg] = value
        elif value.kind == "map" and not value.model:
            found |= value.entries
            is_open = is_open or value.is_open
        else:
            is_open = True
    return found, is_open


def model_of(node: ast.expr, names: Mapping[str, str]) -> str:
    """`PodSpec` of a call of `V1PodSpec` of Kubernetes' client; "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    name = dotted(node.func, names)
    own = last_part(name)
    return own[2:] if own.startswith("V1") and name.startswith("kubernetes.") else ""
