"""What a YAML text is made of, with the place of each part. `documents.py` makes these."""

from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = str | bool | int | float | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something begins; both count from 1, the column in characters. Of what a template says,
    it is where the template is named, and `within` the place in the template, as path:line:column.
    """

    line: int
    column: int
    within: str = ""


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """One value, by the core schema of YAML 1.2. `text` is how it reads without quotes;
    `is_refused` where a finding says already what is wrong with it."""

    value: Value
    text: str
    place: Place
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class ListNode:
    """Items in their order."""

    items: tuple["Node", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its value. Keys are always text: `on:` is the key `on`."""

    key: str
    place: Place
    value: "Node"


@dataclass(frozen=True, slots=True)
class MapNode:
    """Entries in their order; no key comes twice."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> "Node | None":
        """The value of a key; None where it is not there."""
        return next((entry.value for entry in self.entries if entry.key == key), None)


Node: TypeAlias = ScalarNode | ListNode | MapNode


def to_json(node: Node) -> object:
    """The node as JSON values.

    >>> to_json(ListNode((ScalarNode(1, "1", Place(1, 3)),), Place(1, 1)))
    [1]
    """
    match node:
        case ScalarNode(value=value):
            return value
        case ListNode(items=items):
            return [to_json(item) for item in items]
        case MapNode(entries=entries):
            return {entry.key: to_json(entry.value) for entry in entries}
