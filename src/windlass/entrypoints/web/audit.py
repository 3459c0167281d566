"""The audit over HTTP: read only, for nothing changes it."""

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from windlass.credentials.signing import key_id
from windlass.database.audit import list_audit, list_newest_audit
from windlass.domain.audit import AuditRow
from windlass.engine.audit import sign_head
from windlass.engine.context import Context
from windlass.entrypoints.web.callers import token_check
from windlass.entrypoints.web.models import PROBLEMS

_Id = Annotated[int, Query(ge=0, lt=2**63)]  # a BIGINT


class AuditOut(BaseModel):
    """A change: who made it, what it was, and its place in the chain."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: dict[str, Any]
    previous: str
    digest: str

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        return cls(**row.to_json())


class AuditHeadOut(BaseModel):
    """The audit's newest row as one signed word (null: it is empty), and the key, in hex."""

    head: str | None
    key: str
    public_key: str


def audit_router(context: Context, token: str) -> APIRouter:
    """The endpoints below /api/v1/audit."""
    router = APIRouter(
        prefix="/api/v1/audit",
        tags=["audit"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("")
    def audit(
        before: _Id | None = None,
        subject: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> list[AuditOut]:
        """The newest changes, newest first; `before` an id, of one subject."""
        with context.database.transaction() as connection:
            rows = list_newest_audit(connection, before=before, subject=subject, limit=limit)
        return [AuditOut.of(row) for row in rows]

    @router.get("/export")
    def export(
        after: _Id = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
    ) -> list[AuditOut]:
        """A page of the whole chain in its order, after the row with the id `after`."""
        with context.database.transaction() as connection:
            return [AuditOut.of(row) for row in list_audit(connection, after=after, limit=limit)]

    @router.get("/head")
    def head() -> AuditHeadOut:
        """The newest row, signed now: kept elsewhere, it fixes the chain up to it."""
        public = context.audit_key.public
        signed = sign_head(context.database, context.audit_key)
        return AuditHeadOut(head=signed, key=key_id(public), public_key=public.hex())

    return router
