"""What a file asks its surroundings for by name: modules, packages, connections, variables, pools.

It is stored with the file in the artifact, so that every revision, approval and rollback is judged
by what the environment has then, without reading the file again (docs/decisions/0008).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class How(StrEnum):
    """When a module is imported."""

    IMPORT = "i"  # whenever the file is
    CALL = "c"  # when a function is called
    MAYBE = "m"  # where a failure is caught, or for type checkers only
    RELATIVE = "r"  # whenever the file is, by its place in a package


@dataclass(frozen=True, slots=True)
class Need:
    """A module that a file imports, `name` from it or "" where it is imported as a whole. The
    modules of Python and of Airflow itself are never among them."""

    module: str
    name: str
    line: int
    how: How


class Kind(StrEnum):
    """What a reference is to."""

    CONNECTION = "connection"
    VARIABLE = "variable"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Reference:
    """A connection, variable or pool that a file names; "" where only running it tells which.

    `has_default` says that the file goes on without it.
    """

    kind: Kind
    name: str
    line: int
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """A line of a requirements.txt: the package by its normalised name, and the versions that are
    wanted of it, such as `>=2,<3`; "" for any."""

    name: str
    wants: str
    line: int


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that one file asks for. `ignore` is the text of an `.airflowignore`."""

    needs: tuple[Need, ...] = ()
    references: tuple[Reference, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    ignore: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values; what there is nothing of is left out."""
        said: dict[str, Any] = {
            "needs": [[n.module, n.name, n.line, n.how] for n in self.needs],
            "references": [[r.kind, r.name, r.line, r.has_default] for r in self.references],
            "requirements": [[r.name, r.wants, r.line] for r in self.requirements],
            "ignore": self.ignore,
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Names":
        """The inverse of `to_json`."""
        return cls(
            tuple(Need(m, n, line, How(how)) for m, n, line, how in said.get("needs", ())),
            tuple(Reference(Kind(k), n, at, d) for k, n, at, d in said.get("references", ())),
            tuple(Requirement(*row) for row in said.get("requirements", ())),
            said.get("ignore", ""),
        )


NONE = Names()
