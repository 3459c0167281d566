"""The API described: openapi.json with what FastAPI leaves out, and Swagger UI from our own disk.

`/docs` loads nothing from another host, and its policy forbids the browser to. It needs no token:
what it shows is the contract; the calls that it makes need the one that people type in.
"""

import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response

from windlass.entrypoints.web.examples import EXAMPLES

ASSETS = Path(__file__).parent / "assets" / "swagger-ui"
"""swagger-ui-dist 5.35.0 as npm has it (Apache License 2.0); README.md there says how to renew."""
_KINDS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
# Swagger UI draws with data: images; a browser showed that it needs nothing inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Windlass: the API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"><noscript>This page needs JavaScript. The same is in openapi.json.</noscript></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
# Without validatorUrl it would show the description to validator.swagger.io.
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""


def reference_router() -> APIRouter:
    """The pages /docs and what they load."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def page() -> HTMLResponse:
        """The page."""
        return HTMLResponse(_PAGE, headers=_HEADERS)

    @router.get("/docs/start.js")
    def start() -> Response:
        """How the page starts; a file, for the policy forbids scripts in the page."""
        return Response(_START, media_type="text/javascript", headers=_HEADERS)

    def add_asset(name: str, kind: str) -> None:
        @router.get(f"/docs/{name}")
        def asset() -> Response:
            """A file of Swagger UI."""
            return Response((ASSETS / name).read_bytes(), media_type=kind, headers=_HEADERS)

    for name, kind in _KINDS.items():
        add_asset(name, kind)
    return router


def describe(api: FastAPI) -> None:
    """Have the description say of each operation in one line what it does, how it may fail, and
    what a request looks like."""

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            found = get_openapi(
                title=api.title,
                version=api.version,
                description=api.description,
                routes=api.routes,
            )
            for path, operations in found["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
            for name, example in EXAMPLES.items():
                found["components"]["schemas"].get(name, {})["examples"] = [example]
            api.openapi_schema = found
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does


def _complete(path: str, operation: dict[str, Any]) -> None:
    text = " ".join(operation["description"].split())
    operation["summary"] = re.split(r"[.;:](?= |$)", text, maxsplit=1)[0]
    if path.startswith("/api/"):
        problem = {"$ref": "#/components/schemas/Problem"}
        operation["responses"]["500"] = {
            "description": "A bug of Windlass",
            "content": {"application/json": {"schema": problem}},
        }
