"""The inventory of an environment: which connections, variables and pools there are, by name.

Never their values. It is the union of what Airflow says, what is declared, and names of environment
variables that are declared for Airflow; each source says how old it is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from windlass.domain.airflowignore import Syntax
from windlass.domain.digest import digest_json
from windlass.domain.names import Kind
from windlass.domain.pipeline import Cluster

AIRFLOW = "airflow"
DECLARED = "declared"
ALWAYS_THERE: Mapping[Kind, frozenset[str]] = {Kind.POOL: frozenset({"default_pool"})}
_REFUSED = "AIR003"  # as targets/airflow.py tells it
_PREFIXES = {"AIRFLOW_CONN_": Kind.CONNECTION, "AIRFLOW_VAR_": Kind.VARIABLE}


VALUE_KINDS = {
    "connections": "connection",
    "variables": "variable",
    "environment": "environment",
}
"""What files call the kinds of values that imports ask for → the kind."""


def plural(kind: Kind) -> str:
    """As files and answers call several of a kind.

    >>> plural(Kind.CONNECTION)
    'connections'
    """
    return f"{kind}s"


@dataclass(frozen=True, slots=True)
class Declared:
    """What people say of an environment, in windlass.yaml or by the API.

    `variables_of_airflow` are names such as AIRFLOW_CONN_PG; `backends` maps a secrets backend's
    name to prefixes of connections and variables that may lie there, which nobody can list.
    `modules` are top-level modules that Airflow finds outside of its packages, `ignore_syntax` its
    `[core] dag_ignore_file_syntax`, None for the default of its version. `complete` names the
    kinds of which the inventory has all: then a name that it lacks denies. `sandbox_values` is what
    imports in the sandbox are answered, by kind (connection, variable, environment) and name.
    `clusters` and `operators` are what pipelines may name (`Bindings`); () is the default.
    """

    names: Mapping[Kind, frozenset[str]] = field(default_factory=dict)
    environment_variables: frozenset[str] = frozenset()
    backends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    complete: frozenset[Kind] = frozenset()
    sandbox_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ignore_syntax: Syntax | None = None
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    operators: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As windlass.yaml writes it; what there is nothing of is left out."""
        said: dict[str, Any] = {plural(kind): sorted(self.names.get(kind, ())) for kind in Kind}
        said["environment_variables"] = sorted(self.environment_variables)
        said["backends"] = {name: list(found) for name, found in sorted(self.backends.items())}
        said["modules"] = sorted(self.modules)
        said["complete"] = sorted(plural(kind) for kind in self.complete)
        said["sandbox_values"] = {
            name: dict(self.sandbox_values[kind])
            for name, kind in VALUE_KINDS.items()
            if self.sandbox_values.get(kind)
        }
        said["ignore_syntax"] = self.ignore_syntax
        said["clusters"] = {name: one.to_json() for name, one in sorted(self.clusters.items())}
        said["operators"] = list(self.operators)
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(
            {kind: frozenset(said[plural(kind)]) for kind in Kind if said.get(plural(kind))},
            frozenset(said.get("environment_variables", ())),
            {name: tuple(found) for name, found in said.get("backends", {}).items()},
            frozenset(said.get("modules", ())),
            frozenset(kind for kind in Kind if plural(kind) in said.get("complete", ())),
            {
                kind: dict(said["sandbox_values"][name])
                for name, kind in VALUE_KINDS.items()
                if said.get("sandbox_values", {}).get(name)
            },
            Syntax(said["ignore_syntax"]) if said.get("ignore_syntax") else None,
            {name: Cluster(**one) for name, one in said.get("clusters", {}).items()},
            tuple(said.get("operators", ())),
        )

    def named_by_variables(self, kind: Kind) -> frozenset[str]:
        """The names that environment variables give, in lower case as Airflow finds them.

        >>> Declared(environment_variables=frozenset({"AIRFLOW_CONN_PG"})).named_by_variables(
        ...     Kind.CONNECTION
        ... )
        frozenset({'pg'})
        """
        return frozenset(
            name.removeprefix(prefix).lower()
            for prefix, of in _PREFIXES.items()
            for name in self.environment_variables
            if of is kind and name.startswith(prefix)
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """What Airflow said of one kind. `names` None: it could not be read so far; `problem` says why
    the last attempt failed, empty where it did not."""

    names: frozenset[str] | None = None
    seen_at: datetime | None = None
    problem: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it may lack a name that is there: it was not read, or not of late."""
        return self.names is None or bool(self.problem)

    @property
    def is_refused(self) -> bool:
        """Whether Airflow answers, and does not let Windlass read it: that is for good."""
        return self.problem.startswith(_REFUSED)


class Standing(StrEnum):
    """How a name stands to an inventory."""

    KNOWN = "known"
    MISSING = "missing"  # the inventory is complete, and lacks it
    UNLISTED = "unlisted"  # no source has it; another one may
    UNKNOWN = "unknown"  # a source could not be read


@dataclass(frozen=True)
class Inventory:
    """All sources. `airflow` is empty where Airflow is not asked."""

    declared: Declared = field(default_factory=Declared)
    airflow: Mapping[Kind, Listing] = field(default_factory=dict)

    def says_anything(self, kind: Kind) -> bool:
        """Whether there is a source to compare names of that kind with."""
        own = self.declared
        is_declared = kind in own.complete or bool(own.names.get(kind)) or bool(own.backends)
        return is_declared or kind in self.airflow or bool(own.named_by_variables(kind))

    def standing(self, kind: Kind, name: str) -> Standing:
        """How a name stands: only what is declared complete can lack one."""
        listing = self.airflow.get(kind)
        if name in ALWAYS_THERE.get(kind, ()) or name in self.declared.names.get(kind, ()):
            return Standing.KNOWN
        if name.lower() in self.declared.named_by_variables(kind):
            return Standing.KNOWN
        if listing is not None and listing.names is not None and name in listing.names:
            return Standing.KNOWN
        if any(name.startswith(p) for found in self.declared.backends.values() for p in found):
            return Standing.KNOWN
        is_complete = kind in self.declared.complete
        if listing is not None and listing.is_open and not (is_complete and listing.is_refused):
            return Standing.UNKNOWN
        return Standing.MISSING if is_complete else Standing.UNLISTED

    def names(self, kind: Kind) -> Collection[str]:
        """Every name of a kind that is known, to suggest the nearest."""
        listing = self.airflow.get(kind)
        seen = listing.names if listing is not None and listing.names else frozenset[str]()
        own = self.declared
        return seen | own.names.get(kind, frozenset()) | own.named_by_variables(kind)

    @cached_property
    def digest(self) -> str:
        """Changes whenever a name could stand otherwise."""
        seen = {
            kind: [_sorted(one.names), one.is_open, one.is_refused]
            for kind, one in sorted(self.airflow.items())
        }
        return digest_json([self.declared.to_json(), seen])


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


NOTHING = Inventory()
