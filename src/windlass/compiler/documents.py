"""The YAML reader: bytes in, one document with places and every problem out. No I/O.

It reads a subset of YAML that every reader understands the same way: no tags, no directives, no
merge keys, one document, unique keys. Its work is bounded by its limits, whatever the text. Events
come from PyYAML (docs/decisions/0018-yaml.md); nothing of its constructors is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from windlass.compiler.nodes import Entry, ListNode, MapNode, Node, Place, ScalarNode
from windlass.compiler.scalars import resolve, trap_in
from windlass.domain.finding import Finding, FindingType, Severity
from windlass.domain.text import plain

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000
"""Of the document with every alias written out, so that aliases cannot multiply."""
MAX_FINDINGS = 100
MAX_TRAP = 15
"""Words that readers of YAML disagree about are short; a longer one is a number, or a token."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """What was read. `root` is None where it could not be read to its end; `findings` has every
    problem met until there, in the order of the text."""

    root: Node | None
    findings: tuple[Finding, ...]


class _Stop(Exception):
    """The rest cannot be read; why is among the findings."""


def read_document(path: str, content: bytes) -> Document:
    """Read one YAML document; `path` is what findings call it."""
    composer = _Composer(path)
    root: Node | None = None
    try:
        text = composer.decode(content)
        root = composer.compose(text)
    except _Stop:
        pass
    except yaml.YAMLError as error:
        composer.add_syntax(error, text)
    ordered = sorted(composer.findings, key=lambda found: (found.line or 0, found.column or 0))
    return Document(root, tuple(ordered))


def quoted(text: str) -> str:
    """A word of the file as messages show it: on one line, and not too much of it."""
    short = text if len(text) <= 80 else text[:77] + "…"
    return f'"{plain(short)}"'


@dataclass(slots=True)
class _Composer:
    path: str
    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)  # with their node counts

    def decode(self, content: bytes) -> str:
        """The text, with line feeds only."""
        if len(content) > MAX_BYTES:
            self._stop("YAML001", f"the file has more than {MAX_BYTES >> 20} MiB", "Split it.")
        try:
            text = content.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self._stop(
                "YAML002", "the file is not UTF-8 from here on", "Save it so.", Place(line, 1)
            )
        for number, line_text in enumerate(text.split("\n"), start=1):
            if (at := _steering_in(line_text)) is not None:
                self._add(
                    "YAML003",
                    f"the character U+{ord(line_text[at]):04X} is invisible, or turns text around",
                    "Remove it, or write it as an escape in double quotes.",
                    Place(number, at + 1),
                )
        if self.findings:
            raise _Stop
        return text

    def compose(self, text: str) -> Node | None:
        """The one document of a text."""
        events = yaml.parse(text, Loader=_LOADER)
        root: Node | None = None
        for event in events:
            match event:
                case yaml.DocumentStartEvent():
                    if root is not None:
                        hint = "Keep the first, or make files of them."
                        self._stop("YAML005", "a second document begins here", hint, _place(event))
                    self._refuse_directives(event)
                    root = self._node(next(events), events, 1)
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            self._stop("YAML006", "the file is empty", "Restore it; empty is not read as nothing.")
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = _place(event)
        if depth > MAX_DEPTH:
            self._stop("YAML007", f"nested deeper than {MAX_DEPTH} levels", "Flatten it.", place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        before = self.nodes
        self._count(1, place)
        if event.tag is not None:
            self._add("YAML008", f"the tag {quoted(event.tag)} is not read", "Leave it out.", place)
        node: Node
        match event:
            case yaml.ScalarEvent():
                node = self._scalar(event, place)
            case yaml.SequenceStartEvent():
                node = ListNode(tuple(self._items(events, depth)), place)
            case _:
                node = MapNode(tuple(self._entries(events, depth)), place)
        if event.anchor is not None:
            self.anchors[event.anchor] = node, self.nodes - before
        return node

    def _items(self, events: Iterator[Any], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            yield self._node(event, events, depth + 1)

    def _entries(self, events: Iterator[Any], depth: int) -> Iterator[Entry]:
        """Every entry whose key is text that did not come before."""
        seen: dict[str, Place] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            place = _place(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, events, depth + 1)
                self._node(next(events), events, depth + 1)
                self._add("YAML009", "a key must be text", "Write a word, then a colon.", place)
                continue
            self._count(1, place)
            key: str = event.value
            value = self._node(next(events), events, depth + 1)
            if key == "<<" and event.implicit[0]:
                hint = "Write the keys out, or give the whole value an anchor."
                self._add("YAML010", "merge keys are not read: YAML 1.2 has none", hint, place)
            elif key in seen:
                first = f"{self.path}:{seen[key].line}:{seen[key].column}"
                self._add(
                    "YAML011", f"the key {quoted(key)} is here twice", f"First at {first}.", place
                )
            else:
                seen[key] = place
                yield Entry(key, place, value)

    def _scalar(self, event: Any, place: Place) -> ScalarNode:
        text: str = event.value
        if event.style or not event.implicit[0]:
            return ScalarNode(text, text, place)
        if why := trap_in(text):
            word = text if len(text) <= MAX_TRAP else "…"  # longer ones may be a secret
            hint = f'Write "{word}" in quotes for the text; else true, false or a decimal number.'
            self._add("YAML012", f"{quoted(word)} is {why}", hint, place)
            return ScalarNode(text, text, place, is_refused=True)
        return ScalarNode(resolve(text), text, place)

    def _alias(self, event: Any, place: Place) -> Node:
        known = self.anchors.get(event.anchor)
        if known is None:
            hint = "Anchors are set before they are used, and hold no alias of themselves."
            self._stop("YAML013", f"no anchor {quoted(event.anchor)} ends before here", hint, place)
        self._count(known[1], place)
        return known[0]

    def _count(self, more: int, place: Place) -> None:
        self.nodes += more
        if self.nodes > MAX_NODES:
            message = f"more than {MAX_NODES} keys and values, with aliases written out"
            self._stop("YAML014", message, "Split the file.", place)

    def _refuse_directives(self, event: Any) -> None:
        if event.version or event.tags:
            self._add(
                "YAML015",
                "directives are not read: the text is YAML 1.2",
                "Leave out the lines that begin with %.",
                Place(1, 1),
            )

    def add_syntax(self, error: yaml.YAMLError, text: str) -> None:
        """What the parser could not read, in its words, or in better ones where we have them."""
        mark = getattr(error, "problem_mark", None)
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        lines = text.split("\n")
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            self._add("YAML016", "a tab cannot indent YAML", "Indent with spaces.", place)
            return
        what = " ".join(
            str(part) for part in (getattr(error, "context", None), _problem(error)) if part
        )
        hint = "Texts with : or # or a first character of {[&*!|>'\"%@` need quotes."
        self._add("YAML004", f"this is not YAML: {what}", hint, place)

    def _stop(self, code: str, message: str, hint: str, place: Place | None = None) -> NoReturn:
        self._add(code, message, hint, place)
        raise _Stop

    def _add(self, code: str, message: str, hint: str, place: Place | None = None) -> None:
        if len(self.findings) < MAX_FINDINGS:
            line, column = (place.line, place.column) if place else (None, None)
            kind = Severity.CRITICAL, FindingType.SYNTAX
            self.findings.append(Finding(code, *kind, self.path, message, hint, line, column))


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or type(error).__name__)


def _steering_in(line: str) -> int | None:
    """Where a line has a character that YAML readers or terminals do not take for text."""
    if line.isascii() and line.isprintable():
        return None
    cleaned = plain(line, block=True).replace("\u2028", "\ufffd").replace("\u2029", "\ufffd")
    pairs = enumerate(zip(line, cleaned, strict=True))
    return next((at for at, (one, clean) in pairs if one != clean), None)
