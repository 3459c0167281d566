"""Who calls: a token that is known, and for whom it says to act."""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from windlass.domain.text import plain

FIRST_TOKEN = "admin"  # noqa: S105  # its name, not its value
"""The name of the token that is made at the first start."""
_bearer = HTTPBearer(auto_error=False, description="The token of HOME/api-token.")


def token_check(token: str) -> Callable[..., None]:
    """A dependency that answers 401 to who does not show `token`, and notes its name."""

    def check_token(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> None:
        shown = given.credentials if given else ""
        if not hmac.compare_digest(shown.encode(), token.encode()):
            raise HTTPException(HTTPStatus.UNAUTHORIZED)
        request.state.token_name = FIRST_TOKEN

    return check_token


def _actor(
    request: Request,
    x_windlass_on_behalf_of: Annotated[
        str | None,
        Header(
            max_length=200,
            description="For whom the caller acts, percent-encoded; kept, and not verified.",
        ),
    ] = None,
) -> str:
    """The token's name, which is certain, after the name that the caller gives: `ada via admin`."""
    named = " ".join(plain(unquote(x_windlass_on_behalf_of or "")).split())
    token: str = request.state.token_name
    return f"{named} via {token}" if named else token


Actor = Annotated[str, Depends(_actor)]
"""Who makes a change, as history and audit name them. For endpoints behind `token_check`."""
