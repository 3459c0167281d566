"""Pods as people write them, in YAML or with the client's models, read into one kind of value."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
    """Turns the events of PyYAML into values; aliases are not followed, so nothing multiplies."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self._count = 0

    def value(self, event: Any, depth: int) -> Value:
        mark = event.start_mark
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise Unreadable(mark.line + 1, "it is nested too deeply, or too long")
        place = (mark.line + 1, mark.column + 1)
        kind = type(event).__name__
        if kind == "ScalarEvent":
            return Value("scalar", *place, plain=_scalar(event))
        if kind == "SequenceStartEvent":
            return Value("list", *place, items=tuple(self._items(depth)))
        if kind == "MappingStartEvent":
            entries = dict(self._entries(depth))
            return Value("map", *place, entries=entries, is_open="<<" in entries)
        return Value("unknown", *place)

    def _items(self, depth: int) -> Iterator[Value]:
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            yield self.value(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[str, Value]]:
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key = self.value(event, depth + 1)
            yield str(key.plain), self.value(next(self.events), depth + 1)


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


def read_python(node: ast.expr, names: Mapping[str, str], depth: int = 0) -> Value:
    """What an expression is, as far as it is written out."""
    place = (node.lineno, node.col_offset + 1)
    if depth > MAX_DEPTH:
        return Value("unknown", *place)
    if isinstance(node, ast.Constant):
        return Value("scalar", *place, plain=node.value)
    if isinstance(node, ast.List | ast.Tuple):
        items = tuple(read_python(one, names, depth + 1) for one in node.elts)
        return Value("list", *place, items=items)
    if isinstance(node, ast.Dict):
        entries = {
            key.value: read_python(value, names, depth + 1)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        return Value("map", *place, entries=entries, is_open=len(entries) < len(node.keys))
    model = model_of(node, names)
    is_dict = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict"
    if isinstance(node, ast.Call) and (model or is_dict):
        given = {
            key.arg: read_python(key.value, names, depth + 1) for key in node.keywords if key.arg
        }
        is_open = bool(node.args) or len(given) < len(node.keywords)
        return Value("map", *place, entries=given, model=model, is_open=is_open)
    return Value("unknown", *place)


def model_of(node: ast.expr, names: Mapping[str, str]) -> str:
    """`PodSpec` of a call of `V1PodSpec` of Kubernetes' client; "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    name = dotted(node.func, names)
    own = last_part(name)
    return own[2:] if own.startswith("V1") and name.startswith("kubernetes.") else ""
