"""The origin: releases over HTTP, for Airflow hosts that mount no store (docs/contract/origin.md).

It reads the store and asks no database, so it answers as long as the store is there.
"""

import hmac
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from windlass.artifacts.archive import Archives
from windlass.artifacts.store import Store
from windlass.domain.digest import digest_bytes
from windlass.domain.errors import Forbidden, NotFound
from windlass.domain.release import ReleaseId

FORMAT = 1
_MAX_ID = 2**63 - 1
_bearer = HTTPBearer(auto_error=False, description="The token of HOME/origin-token.")


def origin_router(store: Store, archives: Archives, token: str) -> APIRouter:
    """What `WindlassBundle` asks, with a token that opens nothing else."""

    def check_token(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> None:
        shown = given.credentials if given else ""
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise Forbidden(
                "ORG001",
                "the origin's token is missing or wrong",
                "Copy the file HOME/origin-token of Windlass to the token_file of the bundle.",
            )

    router = APIRouter(
        prefix="/origin/v1", dependencies=[Depends(check_token)], include_in_schema=False
    )

    @router.get("/releases/{release_id}.tar.gz")
    def release(
        release_id: Annotated[int, Path(ge=1, le=_MAX_ID)],
        base: Annotated[int | None, Query(ge=1, le=_MAX_ID)] = None,
    ) -> FileResponse:
        """One release; with `base`, without the contents that the base has."""
        known = ReleaseId(base) if base else None
        path = archives.find_or_make(ReleaseId(release_id), known)
        return FileResponse(path, media_type="application/gzip")

    @router.get("/{environment}")
    def index(
        environment: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")], request: Request
    ) -> Response:
        """What every bundle of an environment shows now."""
        content = json.dumps(_index(store, environment)).encode()
        tag = f'"{digest_bytes(content)}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)

    return router


def _index(store: Store, environment: str) -> dict[str, Any]:
    """The store's own description and pointers of one environment, in one document."""
    described = store.describe()
    if environment not in described["environments"]:
        raise NotFound("ORG004", f"the store has no environment {environment!r}")
    return {
        "format": FORMAT,
        "environment": environment,
        "environment_id": described["environments"][environment],
        "keys": described.get("keys", []),
        "bundles": {
            bundle: None if release is None else str(release)
            for bundle, release in store.read_pointers(environment).items()
        },
    }
