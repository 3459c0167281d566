"""The JSON API: typed, one bearer token, errors as `Problem`."""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from windlass import __version__
from windlass.database.history import list_events
from windlass.database.repositories import get_repository, list_repository_names
from windlass.database.status import get_status, list_releases
from windlass.domain.errors import AppError, Forbidden, Invalid, Unavailable
from windlass.domain.events import Event
from windlass.domain.release import ReleaseId
from windlass.engine.context import Context, log
from windlass.engine.register import Registration, add, request_rollback, request_sync
from windlass.entrypoints.failures import http_status
from windlass.entrypoints.web.models import (
    EventOut,
    HealthOut,
    Problem,
    ReleaseOut,
    RepositoryIn,
    RepositoryOut,
    RollbackIn,
    RollbackOut,
    SyncOut,
)

Limit = Annotated[int, Query(ge=1, le=200)]
Name = Annotated[str, Path(max_length=500, pattern=r"^[^\x00]*$")]  # what a query can hold
_PROBLEMS: dict[int | str, dict[str, object]] = {
    # In our words: Python 3.13 has another phrase for 422 than 3.12.
    401: {"model": Problem, "description": "The token is missing or wrong"},
    404: {"model": Problem, "description": "There is no such thing"},
    409: {"model": Problem, "description": "The state forbids it"},
    422: {"model": Problem, "description": "The request must be corrected"},
    503: {"model": Problem, "description": "Something outside is away; try again later"},
}
_bearer = HTTPBearer(auto_error=False, description="The token of HOME/api-token.")


def create_api(context: Context, *, token: str, environment: str, sync_interval: str) -> FastAPI:
    """The API over a context. `token` is what every call below /api must show; `environment` and
    `sync_interval` are for repositories that do not say theirs."""
    api = FastAPI(
        title="Windlass",
        version=__version__,
        description="Hauls DAGs from Git into Apache Airflow: checked, versioned, reversible.",
        docs_url=None,  # its pages would come from another host
        redoc_url=None,
    )
    api.include_router(_health(context))
    api.include_router(_repositories(context, environment, sync_interval, token))
    api.add_exception_handler(AppError, _answer_app_error)
    api.add_exception_handler(RequestValidationError, _answer_bad_request)
    api.add_exception_handler(HTTPException, _answer_http_error)
    api.add_exception_handler(Exception, _answer_bug)
    return api


def _health(context: Context) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    def healthz() -> HealthOut:
        """The process answers."""
        return HealthOut(status="ok")

    @router.get("/readyz", responses={503: {"model": Problem}})
    def readyz() -> HealthOut:
        """The database answers too."""
        with context.database.transaction() as connection:
            list_repository_names(connection)
        return HealthOut(status="ready")

    return router


def _repositories(context: Context, environment: str, sync_interval: str, token: str) -> APIRouter:
    def check_token(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        shown = given.credentials if given else ""
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise HTTPException(HTTPStatus.UNAUTHORIZED)

    router = APIRouter(
        prefix="/api/v1/repositories",
        tags=["repositories"],
        dependencies=[Depends(check_token)],
        responses=_PROBLEMS,
    )

    @router.get("")
    def list_all() -> list[RepositoryOut]:
        """All repositories, by name."""
        with context.database.transaction() as connection:
            names = list_repository_names(connection)
            return [RepositoryOut.of(get_status(connection, name)) for name in names]

    @router.post("", status_code=HTTPStatus.CREATED)
    def add_one(given: RepositoryIn) -> RepositoryOut:
        """Add a repository; its remote is asked for the branch first."""
        registration = Registration(
            url=given.url,
            name=given.name,
            namespace=given.namespace,
            environment=given.environment or environment,
            branch=given.branch,
            path=given.path,
            sync_interval=given.sync_interval or sync_interval,
            username=given.auth.username if given.auth else None,
            password=given.auth.password.get_secret_value() if given.auth else None,
        )
        repository = add(context, registration, actor=given.actor)
        with context.database.transaction() as connection:
            return RepositoryOut.of(get_status(connection, repository.name))

    @router.get("/{name}")
    def show(name: Name) -> RepositoryOut:
        """One repository: both badges with their reasons, the release, the newest findings."""
        with context.database.transaction() as connection:
            return RepositoryOut.of(get_status(connection, name))

    @router.get("/{name}/events")
    def events(name: Name, limit: Limit = 50) -> list[EventOut]:
        """What happened to a repository: the newest events, oldest first."""
        with context.database.transaction() as connection:
            repository = get_repository(connection, name)
            return [EventOut.of(e) for e in list_events(connection, repository.id, limit)]

    @router.get("/{name}/releases")
    def releases(name: Name, limit: Limit = 50) -> list[ReleaseOut]:
        """The newest releases of a repository, newest first."""
        with context.database.transaction() as connection:
            repository = get_repository(connection, name)
            return [ReleaseOut.of(r) for r in list_releases(connection, repository.id, limit)]

    @router.post("/{name}/sync", status_code=HTTPStatus.ACCEPTED)
    def sync(name: Name) -> SyncOut:
        """Ask for a sync now."""
        return SyncOut(queued=request_sync(context, name))

    @router.post("/{name}/rollback", status_code=HTTPStatus.ACCEPTED)
    def rollback(name: Name, given: RollbackIn) -> RollbackOut:
        """Ask for a new release with the content of an older one; quarantines the current."""
        to = ReleaseId(given.to) if given.to is not None else None
        target = request_rollback(context, name, to, actor=given.actor, reason=given.reason)
        return RollbackOut(content_of=target)

    return router


def _answer(status: int, error: AppError) -> JSONResponse:
    problem = Problem(code=error.code, message=error.message, hint=error.hint)
    return JSONResponse(problem.model_dump(), status)


async def _answer_app_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AppError)
    answer = _answer(http_status(error), error)
    if isinstance(error, Unavailable):
        answer.headers["Retry-After"] = str(round(error.retry_after_s))
    return answer


async def _answer_bad_request(_: Request, error: Exception) -> JSONResponse:
    """All problems of a request at once, without its values: one of them may be a secret."""
    assert isinstance(error, RequestValidationError)
    problems = [f"{'.'.join(str(p) for p in e['loc'][1:])}: {e['msg']}" for e in error.errors()]
    hint = "/openapi.json describes every request."
    return _answer(422, Invalid("API001", "; ".join(problems), hint))


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        hint = "Send `Authorization: Bearer TOKEN`; the token is in the file api-token."
        return _answer(401, Forbidden("API002", "the token is missing or wrong", hint))
    phrase = HTTPStatus(error.status_code).phrase.lower()
    return _answer(
        error.status_code, Invalid("API003", phrase, "/openapi.json lists every address.")
    )


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    log.error(Event.REQUEST_FAILED, path=request.url.path, error=type(error).__name__)
    message = f"Windlass failed with {type(error).__name__}, which is a bug"
    return _answer(500, Invalid("WIND001", message, "Please report it with the API's log."))
