"""A repository's login as a connection of Airflow, and connections of Airflow as credentials."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import PASSWORD, Origin, register
from tests.integration.serving import CommandLine, command_line
from tests.integration.strange import Strange
from windlass.database import tables as t
from windlass.domain.connections import connection_id
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.remote import parse_remote_url
from windlass.engine.context import Context
from windlass.engine.register import Registration


@pytest.fixture
def windlass(context: Context, room: Path) -> Iterator[CommandLine]:
    with command_line(context, room) as line:
        yield line


@pytest.fixture
def told(strange: Strange, context: Context) -> list[tuple[str, Any]]:
    """What the Airflow of the environment is sent; it has no connection so far."""
    sent: list[tuple[str, Any]] = []

    def answer(path: str, body: Any) -> Any:
        sent.append((path, body))
        return 404 if path.rpartition("/")[2].startswith("git_") else {}

    strange.answer = answer
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(airflow_url=strange.url))
    return sent


def publish(windlass: CommandLine) -> Any:
    command = ["credential", "publish", "dags", "--username", "admin"]
    return windlass.run(*command, stdin="of-the-admin\n")


@pytest.fixture
def registered(context: Context, registration: Registration, origin: Origin) -> None:
    origin.push("first", {})
    register(context, registration)


@pytest.mark.usefixtures("registered")
def test_a_login_is_written_once_with_a_user_for_this_alone(
    windlass: CommandLine, context: Context, origin: Origin, told: list[tuple[str, Any]]
) -> None:
    result = publish(windlass)

    name = connection_id(parse_remote_url(origin.url))
    assert result.stdout == f"Added the connection {name} in default.\n"
    assert [path for path, _ in told] == [f"/api/v2/connections/{name}", "/api/v2/connections"]
    assert (told[1][1]["login"], told[1][1]["password"]) == ("ci", PASSWORD)
    a = t.audit.c
    with context.database.transaction() as connection:
        rows = connection.execute(sa.select(a.action, a.facts)).all()
    assert ("credential:published", {"environment": "default", "airflow_connection": name}) in [
        tuple(row) for row in rows
    ]
    assert "of-the-admin" not in str(rows)


@pytest.mark.usefixtures("registered")
def test_what_cannot_be_given_is_told(
    windlass: CommandLine, context: Context, strange: Strange
) -> None:
    unknown = publish(windlass).exception
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(airflow_url=strange.url))
    strange.answer = lambda path, query: 403
    forbidden = publish(windlass).exception
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(credential_id=None))
    public = publish(windlass).exception

    assert [type(one) for one in (unknown, forbidden, public)] == [Conflict, Invalid, Conflict]
    assert [getattr(one, "code", None) for one in (unknown, forbidden, public)] == [
        "CRED048",
        "CRED049",
        "CRED047",
    ]


def test_an_export_of_airflows_becomes_credentials(
    windlass: CommandLine, origin: Origin, room: Path
) -> None:
    origin.push("first", {})
    good = {"conn_type": "git", "host": origin.url, "login": "ci", "password": PASSWORD}
    typed = {"conn_type": "git", "login": "basic", "password": PASSWORD}
    typed["extra"] = json.dumps({"repo_url": origin.url, "username": "ci"})
    export = {"git_a": good, "git_b": typed, "git_c": {**good, "password": "wr0ng"}, "http": {}}
    (room / "connections.json").write_text(json.dumps(export))

    result = windlass.run("credential", "import", str(room / "connections.json"))

    lines = result.stdout.splitlines()
    assert lines[:2] == ["git_a: stored", "git_b: stored"]
    assert lines[2].startswith("git_c: GIT002 ")
    assert (result.exit_code, PASSWORD in result.stdout) == (1, False)
