"""The inventory of an environment, as requests give it and answers show it: names, never values."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from windlass.database.environments import get_environment
from windlass.database.listings import list_listings
from windlass.domain.airflowignore import Syntax
from windlass.domain.inventory import Declared, Inventory, plural
from windlass.domain.names import Kind
from windlass.engine.context import Context
from windlass.engine.stock import refresh
from windlass.entrypoints.web.callers import token_check
from windlass.entrypoints.web.models import PROBLEMS, Line, Request
from windlass.entrypoints.web.parameters import Name

Lines = Annotated[list[Line], Field(max_length=20_000)]


class InventoryIn(Request):
    """What is declared of an environment; it takes the place of all that was declared before.

    `environment_variables` are names such as AIRFLOW_CONN_PG, `backends` maps a secrets backend to
    prefixes of names that may lie there, `modules` are top-level modules that Airflow finds outside
    of its packages, `ignore_syntax` is its `[core] dag_ignore_file_syntax`, `complete` names the
    kinds of which a missing name denies. `sandbox_values` has what imports are answered, below
    `connections`, `variables` and `environment`; no secrets.
    """

    connections: Lines = Field(default_factory=list)
    variables: Lines = Field(default_factory=list)
    pools: Lines = Field(default_factory=list)
    environment_variables: Lines = Field(default_factory=list)
    backends: dict[Line, Lines] = Field(default_factory=dict)
    modules: Lines = Field(default_factory=list)
    ignore_syntax: Syntax | None = None
    complete: list[Line] = Field(default_factory=list, max_length=3)
    sandbox_values: dict[Literal["connections", "variables", "environment"], dict[Line, Line]] = (
        Field(default_factory=dict)
    )

    def declared(self) -> Declared:
        return Declared.from_json(self.model_dump())


class SourceOut(BaseModel):
    """Where names come from: `airflow`, `declared`, `environment variables`, or `backend NAME`,
    whose `names` are prefixes. `problem` says why it could not be read."""

    source: str
    names: list[str]
    seen_at: datetime | None = None
    problem: str = ""


class KindOut(BaseModel):
    """One of connections, variables and pools; `complete`: a name that all sources lack denies."""

    kind: str
    complete: bool
    sources: list[SourceOut]


class InventoryOut(BaseModel):
    """The inventory of an environment by kind, and the modules that are declared of it."""

    kinds: list[KindOut]
    modules: list[str]

    @classmethod
    def of(cls, inventory: Inventory) -> Self:
        return cls(
            kinds=[
                KindOut(
                    kind=plural(kind),
                    complete=kind in inventory.declared.complete,
                    sources=_sources(inventory, kind),
                )
                for kind in Kind
            ],
            modules=sorted(inventory.declared.modules),
        )


def _sources(inventory: Inventory, kind: Kind) -> list[SourceOut]:
    found = []
    listing, own = inventory.airflow.get(kind), inventory.declared
    if listing is not None:
        problem = listing.problem or ("" if listing.names is not None else "not asked yet")
        names = sorted(listing.names or ())
        found.append(
            SourceOut(source="airflow", names=names, seen_at=listing.seen_at, problem=problem)
        )
    if names := sorted(own.names.get(kind, ())):
        found.append(SourceOut(source="declared", names=names))
    if names := sorted(own.named_by_variables(kind)):
        found.append(SourceOut(source="environment variables", names=names))
    if kind is not Kind.POOL:
        found += (
            SourceOut(source=f"backend {name}", names=[f"{prefix}*" for prefix in prefixes])
            for name, prefixes in sorted(own.backends.items())
        )
    return found


def inventory_router(context: Context, token: str) -> APIRouter:
    """The addresses of inventories."""
    router = APIRouter(
        prefix="/api/v1/environments/{name}/inventory",
        tags=["environments"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("")
    def show(name: Name) -> InventoryOut:
        """Which connections, variables and pools are known of an environment, and from where."""
        with context.database.transaction() as connection:
            environment = get_environment(connection, name)
            seen = list_listings(connection).get(name, {})
        return InventoryOut.of(Inventory(environment.inventory, seen))

    @router.post("/refresh")
    def refresh_now(name: Name) -> InventoryOut:
        """Ask Airflow for the names now."""
        refresh(context, name)
        return show(name)

    return router
