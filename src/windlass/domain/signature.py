"""The signature of an operator, as it was read from what an interpreter has installed."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

At = tuple[int, int, str]
"""Line and column of a document, and the place in a template or nothing."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a class takes by name. `known` are all arguments, `required` those without a default.
    `is_whole` is False where some class above it could not be read: it may take others too."""

    known: frozenset[str]
    required: frozenset[str]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such class: `near` are those of its module; empty where that is missing too."""

    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """A class that a pipeline makes a task of, where it is named, and each argument: name → where
    it is given."""

    path: str
    at: At
    arguments: Mapping[str, At] = field(default_factory=dict)

    def to_json(self) -> list[Any]:
        """As plain values."""
        return [*astuple(self)]

    @classmethod
    def from_json(cls, row: list[Any]) -> "Called":
        """The inverse of `to_json`."""
        path, at, arguments = row
        return cls(path, (*at,), {name: (*one,) for name, one in arguments.items()})
