"""The declarative file over HTTP: what it said, what is wrong with it, who owns what."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from windlass.database.declarations import StoredDeclaration, find_declaration
from windlass.engine.context import Context
from windlass.engine.ownership import adopt, disown, export, try_again
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.models import PROBLEMS, FindingOut, Line, Request

Names = Annotated[list[Line], Field(min_length=1, max_length=1000)]


class DeclarationOut(BaseModel):
    """The declarative file.

    `state`: *none* was ever seen, the newest is *applied*, *refused* for its `findings`, or is just
    *being applied*. `text` and `applied_at` are of the last good one, which is in force; `places`
    is repository → where it is there.
    """

    state: Literal["none", "applied", "refused", "being applied"]
    path: str | None = None
    seen_at: datetime | None = None
    applied_at: datetime | None = None
    text: str | None = None
    places: dict[str, str] = Field(default_factory=dict)
    findings: list[FindingOut] = Field(default_factory=list)

    @classmethod
    def of(cls, stored: StoredDeclaration | None) -> Self:
        if stored is None:
            return cls(state="none")
        is_applied = stored.digest == stored.seen_digest
        return cls(
            state="refused" if stored.findings else "applied" if is_applied else "being applied",
            path=stored.path,
            seen_at=stored.seen_at,
            applied_at=stored.applied_at,
            text=stored.text,
            places=dict(stored.places),
            findings=[FindingOut.of(one) for one in stored.findings],
        )


class ApplyIn(Request):
    """`allow_removals`: the file that was seen last may remove most of its repositories."""

    allow_removals: bool = False


class NamesIn(Request):
    """Repositories that change hands."""

    names: Names


class ExportOut(BaseModel):
    """Text for the declarative file."""

    text: str


def declaration_router(context: Context, token: str) -> APIRouter:
    """The endpoints below /api/v1/declaration."""
    router = APIRouter(
        prefix="/api/v1/declaration",
        tags=["declaration"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    def answer() -> DeclarationOut:
        with context.database.transaction() as connection:
            return DeclarationOut.of(find_declaration(connection))

    @router.get("")
    def show() -> DeclarationOut:
        """What the file said when it was last good, and what is wrong with it now."""
        return answer()

    @router.post("/apply")
    def apply(given: ApplyIn, actor: Actor) -> DeclarationOut:
        """Have the file that was seen last tried again within seconds."""
        try_again(context, may_remove=given.allow_removals, actor=actor)
        return answer()

    @router.post("/adopt")
    def take(given: NamesIn, actor: Actor) -> DeclarationOut:
        """Hand repositories from the API to the file, which takes those that it names."""
        adopt(context, given.names, actor=actor)
        return answer()

    @router.post("/disown")
    def give(given: NamesIn, actor: Actor) -> DeclarationOut:
        """Hand repositories from the file to the API; then take them out of the file."""
        disown(context, given.names, actor=actor)
        return answer()

    @router.get("/export")
    def text_of(
        name: Annotated[
            list[Line] | None, Query(description="Only these; else a whole file.")
        ] = None,
    ) -> ExportOut:
        """Repositories as text for the file, whoever owns them."""
        return ExportOut(text=export(context, name))

    return router
