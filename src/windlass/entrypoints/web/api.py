"""The JSON API: typed, one bearer token, errors as `Problem`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from windlass import __version__
from windlass.database.history import list_events
from windlass.database.repositories import get_past_repository
from windlass.database.status import get_status, list_releases, list_statuses
from windlass.domain.errors import AppError, Forbidden, Invalid, Unavailable
from windlass.domain.events import Event
from windlass.domain.release import ReleaseId
from windlass.domain.wording import complaint
from windlass.engine.context import Context, log
from windlass.engine.receive import Receiver
from windlass.engine.register import Registration, add, request_rollback, request_sync
from windlass.entrypoints.failures import http_status
from windlass.entrypoints.web.audit import audit_router
from windlass.entrypoints.web.callers import Actor, token_check
from windlass.entrypoints.web.calls import calls_router
from windlass.entrypoints.web.credentials import (
    connections_router,
    credentials_router,
    keys_router,
)
from windlass.entrypoints.web.declaration import declaration_router
from windlass.entrypoints.web.environments import environments_router
from windlass.entrypoints.web.explain import explain_router
from windlass.entrypoints.web.health import health_router
from windlass.entrypoints.web.holds import add_holds
from windlass.entrypoints.web.inventory import inventory_router
from windlass.entrypoints.web.lifecycle import add_lifecycle
from windlass.entrypoints.web.metrics import metrics_router
from windlass.entrypoints.web.models import (
    AUTH_TAGS,
    PROBLEMS,
    EventOut,
    Problem,
    ReleaseOut,
    RepositoryIn,
    RepositoryOut,
    RollbackIn,
    RollbackOut,
    SyncIn,
    SyncOut,
)
from windlass.entrypoints.web.parameters import Limit, Name
from windlass.entrypoints.web.plans import add_plans, plans_router
from windlass.entrypoints.web.policies import policies_router
from windlass.entrypoints.web.pull_requests import add_pull_requests, pull_requests_router
from windlass.entrypoints.web.reference import describe, reference_router
from windlass.entrypoints.web.releases import add_releases
from windlass.entrypoints.web.reports import (
    add_reports,
    add_trials,
    reports_router,
    rules_router,
)
from windlass.entrypoints.web.reviews import add_reviews
from windlass.entrypoints.web.webhooks import add_webhooks, webhooks_router


def create_api(
    context: Context,
    *,
    token: str,
    environment: str,
    sync_interval: str,
    metrics_token: str | None = None,
) -> FastAPI:
    """The API over a context. `token` is what every call below /api must show, `metrics_token` what
    one of /metrics must, where there is one; `environment` and `sync_interval` are for repositories
    that do not say theirs."""
    receiver = Receiver(context)
    api = FastAPI(
        lifespan=_answers_the_last(receiver),
        title="Windlass",
        version=__version__,
        description="Hauls DAGs from Git into Apache Airflow: checked, versioned, reversible.",
        docs_url=None,  # its page would load from another host: reference.py has ours
        redoc_url=None,
    )
    api.include_router(calls_router(receiver))  # first: routers are looked through in order
    api.include_router(health_router(context))
    api.include_router(reference_router())
    api.include_router(_repositories(context, environment, sync_interval, token))
    api.include_router(environments_router(context, token))
    api.include_router(inventory_router(context, token))
    api.include_router(credentials_router(context, token))
    api.include_router(keys_router(context, token))
    api.include_router(connections_router(context, token))
    api.include_router(declaration_router(context, token))
    api.include_router(audit_router(context, token))
    api.include_router(explain_router(context, token))
    api.include_router(policies_router(context, token))
    api.include_router(reports_router(context, token))
    api.include_router(plans_router(context, token))
    api.include_router(rules_router())
    api.include_router(webhooks_router(context, token))
    api.include_router(pull_requests_router(context, token))
    api.include_router(metrics_router(context.database, metrics_token))
    describe(api)
    api.add_exception_handler(AppError, _answer_app_error)
    api.add_exception_handler(RequestValidationError, _answer_bad_request)
    api.add_exception_handler(HTTPException, _answer_http_error)
    api.add_exception_handler(Exception, _answer_bug)
    return api


def _answers_the_last(receiver: Receiver) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(receiver.close)

    return lifespan


def _repositories(context: Context, environment: str, sync_interval: str, token: str) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/repositories",
        tags=["repositories"],
        dependencies=[Depends(token_check(token))],
        responses=PROBLEMS,
    )

    @router.get("")
    def list_all() -> list[RepositoryOut]:
        """All repositories, by name."""
        with context.database.transaction() as connection:
            return [RepositoryOut.of(status) for status in list_statuses(connection)]

    @router.post("", status_code=HTTPStatus.CREATED)
    def add_one(given: RepositoryIn, actor: Actor) -> RepositoryOut:
        """Add a repository; its remote is asked for the ref first."""
        registration = Registration(
            url=given.url,
            name=given.name,
            namespace=given.namespace,
            environment=given.environment or environment,
            branch=given.branch,
            tag=given.tag,
            tag_pattern=given.tag_pattern,
            commit=given.commit,
            path=given.path,
            sync_interval=given.sync_interval or sync_interval,
            login=given.auth.login() if given.auth else None,
            credential=given.credential,
            options={
                "on_rewrite": given.on_rewrite,
                "submodules": given.submodules,
                **given.options,
            },
        )
        repository = add(context, registration, actor=actor)
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
            repository = get_past_repository(connection, name)
            return [EventOut.of(e) for e in list_events(connection, repository.id, limit)]

    @router.get("/{name}/releases")
    def releases(name: Name, limit: Limit = 50) -> list[ReleaseOut]:
        """The newest releases of a repository, newest first."""
        with context.database.transaction() as connection:
            repository = get_past_repository(connection, name)
            return [ReleaseOut.of(r) for r in list_releases(connection, repository.id, limit)]

    @router.post("/{name}/sync", status_code=HTTPStatus.ACCEPTED)
    def sync(name: Name, given: SyncIn | None = None) -> SyncOut:
        """Ask for a sync now. A commit that is named and that the remote does not show yet is asked
        for again within 8 s; then `revision:missing` tells that it is not there."""
        return SyncOut(queued=request_sync(context, name, given.revision if given else None))

    @router.post("/{name}/rollback", status_code=HTTPStatus.ACCEPTED)
    def rollback(name: Name, given: RollbackIn, actor: Actor) -> RollbackOut:
        """Ask for a new release with the content of an older one; quarantines the current. What
        today's policy and inventory would deny is refused, unless it is overridden."""
        to = ReleaseId(given.to) if given.to is not None else None
        target = request_rollback(
            context,
            name,
            to,
            actor=actor,
            reason=given.reason,
            hold=given.hold,
            override=given.override,
        )
        return RollbackOut(content_of=target)

    add_lifecycle(router, context)
    add_holds(router, context)
    add_reviews(router, context)
    add_releases(router, context)
    add_reports(router, context)
    add_plans(router, context)
    add_trials(router, context)
    add_webhooks(router, context)
    add_pull_requests(router, context)
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
    problems = [
        f"{'.'.join(str(part) for part in one['loc'][1:] if part not in AUTH_TAGS) or 'the body'} "
        + complaint(one["type"], one["msg"], one.get("ctx", {}))
        for one in error.errors()
    ]
    hint = "The command's --help, and /openapi.json, describe what is expected."
    return _answer(422, Invalid("API001", "; ".join(problems), hint))


async def _answer_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        hint = (
            "Send `Authorization: Bearer TOKEN`; the token is in the file api-token, for /metrics "
            "in that of WINDLASS_METRICS_TOKEN_FILE."
        )
        return _answer(401, Forbidden("API002", "the token is missing or wrong", hint))
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI could not decode the body
        hint = "Send JSON in UTF-8; /openapi.json describes what is expected."
        return _answer(422, Invalid("API001", "the body is no JSON", hint))
    phrase = HTTPStatus(error.status_code).phrase.lower()
    return _answer(
        error.status_code, Invalid("API003", phrase, "/openapi.json lists every address.")
    )


async def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    log.error(Event.REQUEST_FAILED, path=request.url.path, error=type(error).__name__)
    message = f"Windlass failed with {type(error).__name__}, which is a bug"
    return _answer(500, Invalid("WIND001", message, "Please report it with the API's log."))
