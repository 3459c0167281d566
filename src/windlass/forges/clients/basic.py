"""Basic authentication (RFC 7617), which several APIs take."""

import base64
from collections.abc import Mapping

from windlass.domain.forge import ApiLogin


def basic(login: ApiLogin) -> Mapping[str, str]:
    """The header of a user and a password."""
    pair = f"{login.username}:{login.secret}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
