"""`/healthz` for who restarts processes, `/readyz` for who wants to know whether Windlass works."""

import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from windlass.engine.context import Context
from windlass.engine.readiness import Part, look_at_parts
from windlass.entrypoints.web.models import HealthOut, Problem


class PartOut(BaseModel):
    """A part of Windlass; `failure` says what is wrong with it, null that nothing is."""

    name: str
    failure: str | None


class ReadyOut(BaseModel):
    """Every part works."""

    status: str
    parts: list[PartOut]


class NotReady(Problem):
    """What is wrong with the first part that does not work, and all parts."""

    parts: list[PartOut]


def health_router(context: Context) -> APIRouter:
    """The endpoints /healthz and /readyz."""
    router = APIRouter(tags=["health"])
    started = time.monotonic()

    @router.get("/healthz")
    def healthz() -> HealthOut:
        """The process answers."""
        return HealthOut(status="ok")

    @router.get(
        "/readyz",
        response_model=ReadyOut,
        responses={503: {"model": NotReady, "description": "A part does not do its work"}},
    )
    def readyz() -> ReadyOut | JSONResponse:
        """Database, store and worker: whether each does its part."""
        parts = look_at_parts(context, age_s=time.monotonic() - started)
        told = [PartOut(name=part.name, failure=_words(part)) for part in parts]
        failure = next((part.failure for part in parts if part.failure), None)
        if failure is None:
            return ReadyOut(status="ready", parts=told)
        answer = NotReady(code=failure.code, message=failure.message, hint=failure.hint, parts=told)
        return JSONResponse(answer.model_dump(), 503, headers={"Retry-After": "2"})

    return router


def _words(part: Part) -> str | None:
    return f"{part.failure.code} {part.failure.message}" if part.failure else None
