"""What is common to the importers: keys that are taken or left, and the documents they make."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from windlass.compiler.documents import quoted
from windlass.compiler.nodes import Entry, MapNode, Node, ScalarNode, to_json
from windlass.compiler.reading import Reading
from windlass.domain.finding import Finding

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*(?: [A-Za-z][A-Za-z0-9_./-]*)*")
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """A pipeline that was read: what it is called as a file, and its document as plain values."""

    name: str
    document: dict[str, Any]

    @property
    def text(self) -> str:
        """The document as YAML that `windlass compile` reads as it was meant."""
        return yaml.dump(
            self.document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
        )


@dataclass(frozen=True, slots=True)
class Import:
    """What came of a file; `findings` name every key that was left, at its place."""

    pipelines: Sequence[Imported]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Keys:
    """The keys of a mapping; those that nobody takes are told by `leave_rest`."""

    node: MapNode
    reading: Reading
    taken: set[str] = field(default_factory=set)

    def take(self, key: str) -> Any:
        """The plain value of a key, None where it is not there or says nothing."""
        node = self.node_of(key)
        return None if node is None else to_json(node)

    def take_texts(self, key: str) -> list[str]:
        """The texts of a key that holds one, or a list of them."""
        value = self.take(key)
        listed = value if isinstance(value, list) else [value]
        return [str(one) for one in listed if isinstance(one, str | int) and one != ""]

    def node_of(self, key: str) -> Node | None:
        """The value of a key, which counts as taken."""
        self.taken.add(key)
        return self.node.get(key)

    def rest(self) -> Iterator[Entry]:
        """The entries that nobody took."""
        return (entry for entry in self.node.entries if entry.key not in self.taken)

    def leave(self, key: str, hint: str) -> None:
        """Tell that a key is not carried over, at its place, where it is there."""
        self.taken.add(key)
        for entry in self.node.entries:
            if entry.key == key:
                leave(self.reading, entry, hint)

    def leave_rest(self, hint: str = "Nothing of a pipeline says the same.") -> None:
        """Tell so of all that nobody took."""
        for entry in self.rest():
            leave(self.reading, entry, hint)


def leave(reading: Reading, entry: Entry, hint: str) -> None:
    """Tell that an entry is not carried over."""
    said = f": {quoted(entry.value.text)}" if isinstance(entry.value, ScalarNode) else ""
    reading.advise("PIPE060", f"{entry.key} is left out{said}", hint, entry.place)


def name_of(text: str) -> str:
    """A text as a name of a pipeline or a step.

    >>> name_of("sales.orders 2")
    'sales_orders_2'
    """
    return _NAME.sub("_", text).lstrip("-")[:100] or "pipeline"


class _Dumper(yaml.SafeDumper):
    """Texts stand in quotes wherever a reader could take them for something else."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # PyYAML's own
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  # as above
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    lines = "\n" in text and all(
        line.isprintable() and line == line.strip() for line in text.splitlines()
    )
    if lines and text[0] not in " \n":
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in words and len(text) < 80
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _text)
