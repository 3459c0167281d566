"""Tells Windlass which Airflow this is: `GET /windlass/airflow`, for any user who is signed in.

Airflow finds this by the entry point `airflow.plugins` and imports it in every process, tasks too,
so all that only the API server needs is imported by the first request.
"""

import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

KEY = "windlass_airflow_id"
"""The Airflow variable that holds the id: it is of the metadata database, so all API servers of one
Airflow tell the same, under whatever address, and no other one does."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def airflow_id() -> str:
    """The id of this Airflow, made by whoever asks first. Reads the database alone: a secrets
    backend may be shared by two Airflows."""
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import IntegrityError

    mine = select(Variable).where(Variable.key == KEY)
    with suppress(IntegrityError), create_session() as session:  # another server was quicker
        if session.scalar(mine) is None:
            words = "Windlass tells this Airflow from others by it. Do not change it."
            new: Any = Variable
            session.add(new(key=KEY, val=str(uuid.uuid4()), description=words))
    with create_session() as session:
        stored: Any = session.scalars(mine).one()
        found = stored.get_val()
    if found is None:
        raise RuntimeError(f"the variable {KEY} cannot be decrypted with this server's Fernet key")
    return str(found)


@cache
def _app() -> Any:
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI

    app = FastAPI(openapi_url=None)

    @app.get("/airflow", dependencies=[Depends(get_user)])
    def tell() -> dict[str, str]:
        return {"airflow_id": airflow_id()}

    return app


async def serve(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application below `/windlass`."""
    await _app()(scope, receive, send)


class WindlassPlugin(AirflowPlugin):
    """What the API server mounts."""

    name = "windlass"
    fastapi_apps = [{"app": serve, "url_prefix": "/windlass", "name": "Windlass"}]  # noqa: RUF012  # Airflow's own form
