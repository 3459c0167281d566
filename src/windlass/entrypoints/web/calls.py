"""The addresses that Git hosts call. A body is taken as it is, within bounds, and never logged."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from windlass.domain.delivery import ForgeKind
from windlass.domain.errors import AppError, Invalid
from windlass.engine.prove import Arrival
from windlass.engine.receive import Outcome, Receiver, too_many
from windlass.entrypoints.web.models import Problem
from windlass.forges.payload import MAX_BODY_BYTES

BODY_LIMIT_S = 10.0
"""GitHub gives up after ten seconds itself."""
HELD_BYTES = 64_000_000
"""So much of all bodies together may wait, to be read to their end or to be stored."""
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_STATUS = {
    Outcome.ACCEPTED: HTTPStatus.ACCEPTED,
    Outcome.UNPROVEN: HTTPStatus.UNAUTHORIZED,
    Outcome.UNREADABLE: HTTPStatus.BAD_REQUEST,
    Outcome.UNKNOWN: HTTPStatus.NOT_FOUND,
    Outcome.DEAD: HTTPStatus.ACCEPTED,  # it is stored, and sending it again would not help
}
_TOLD = {
    400: "The body cannot be read",
    401: "No repository here accepts the call: it has no webhook, or the secret is another one",
    404: "There is no such address",
    408: "The body did not come to its end in time",
    413: "The body is too long",
    415: "The body is neither JSON nor a form",
    503: "The call cannot be stored now; try again later",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words} for status, words in _TOLD.items()
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "What the Git host sends, signed as it signs.",
        "content": {
            _JSON: {"schema": {"type": "object"}},
            _FORM: {"schema": {"type": "object", "properties": {"payload": {"type": "string"}}}},
        },
    }
}


class CallOut(BaseModel):
    """What became of a call: `accepted` (a sync is asked for), `ignored`, `done` (a ping),
    `duplicate` (it came before) or `dead` (kept, to be looked at)."""

    outcome: str
    message: str


def calls_router(receiver: Receiver) -> APIRouter:
    """The endpoints below /webhooks. They ask for no token: a call proves itself."""
    router = APIRouter(prefix="/webhooks", tags=["calls of Git hosts"], responses=_RESPONSES)
    reading = _Reading()

    @router.post("/r/{address}", status_code=202, response_model=CallOut, openapi_extra=_BODY)
    async def own(
        request: Request, address: Annotated[str, Path(max_length=100, pattern=r"^[\w-]+$")]
    ) -> JSONResponse:
        """Take a call to the address of one webhook."""
        return await _take(receiver, reading, request, address=address)

    def add_shared(kind: ForgeKind) -> None:
        @router.post(
            f"/{kind}",
            status_code=202,
            response_model=CallOut,
            openapi_extra=_BODY,
            operation_id=f"call_{kind.replace('-', '_')}",
        )
        async def shared(request: Request) -> JSONResponse:
            """Take a call for the repository that its body names."""
            return await _take(receiver, reading, request, kind=kind)

    for kind in ForgeKind:
        add_shared(kind)
    return router


async def _take(
    receiver: Receiver,
    reading: "_Reading",
    request: Request,
    *,
    address: str | None = None,
    kind: ForgeKind | None = None,
) -> JSONResponse:
    try:
        is_form = _is_form(request.headers.get("content-type", ""))
        body = await reading.body(request)
    except _Refused as refused:
        receiver.count_unread(kind)
        return _problem(refused.status, refused.error)
    try:
        arrival = Arrival(_headers(request), body, is_form, address, kind)
        answer = await asyncio.wrap_future(receiver.take(arrival))
    finally:
        reading.let_go(body)
    status = _STATUS.get(answer.outcome, HTTPStatus.OK)
    if answer.error is not None:
        return _problem(status, answer.error)
    return JSONResponse({"outcome": answer.outcome, "message": answer.message}, status)


class _Refused(Exception):
    """A call that nobody looks into."""

    def __init__(self, status: int, error: Invalid) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class _Reading:
    """Reads bodies to their end, all of them together within bounds of size and time."""

    def __init__(self) -> None:
        self._held = 0

    async def body(self, request: Request) -> bytes:
        """The whole body, held until `let_go`. Raises _Refused, and Unavailable HOOK003 where too
        much is held."""
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MAX_BODY_BYTES:
            raise _too_long()
        mine, parts, is_whole = 0, list[bytes](), False
        try:
            async with asyncio.timeout(BODY_LIMIT_S):
                async for part in request.stream():
                    mine += len(part)
                    self._held += len(part)
                    if mine > MAX_BODY_BYTES:
                        raise _too_long()
                    if self._held > HELD_BYTES:
                        raise too_many()
                    parts.append(part)
            is_whole = True
        except (TimeoutError, ClientDisconnect):
            raise _unfinished() from None
        finally:
            if not is_whole:
                self._held -= mine
        return b"".join(parts)

    def let_go(self, body: bytes) -> None:
        """The body is stored, or refused."""
        self._held -= len(body)


def _is_form(content_type: str) -> bool:
    """Whether the body is a form; _Refused where it is neither that nor JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (_JSON, _FORM):
        raise _Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            Invalid(
                "HOOK008",
                "the call is neither JSON nor a form",
                "Choose the content type application/json where the Git host lets you choose.",
            ),
        )
    return kind == _FORM


def _headers(request: Request) -> Mapping[str, str]:
    """By names in lower case; of one that came twice, the first."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found.setdefault(name, value)
    return found


def _problem(status: int, error: AppError) -> JSONResponse:
    problem = Problem(code=error.code, message=error.message, hint=error.hint)
    return JSONResponse(problem.model_dump(), status)


def _too_long() -> _Refused:
    return _Refused(
        413,
        Invalid(
            "HOOK009",
            f"the call is longer than {MAX_BODY_BYTES:,} bytes",
            "A poll finds what it tells.",
        ),
    )


def _unfinished() -> _Refused:
    return _Refused(
        HTTPStatus.REQUEST_TIMEOUT,
        Invalid("HOOK018", f"the call did not come to its end within {BODY_LIMIT_S:g} s"),
    )
