"""One live environment per Airflow, told by the id that it reports."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.integration.conftest import (
    Origin,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from tests.integration.strange import Strange, serving
from tests.integration.test_environments import LOGIN, add, healthy
from windlass.database import tables as t
from windlass.database.audit import list_audit
from windlass.database.installations import list_installations, record_installation
from windlass.database.repositories import claim_due
from windlass.domain.checkup import Condition
from windlass.domain.environment import Environment
from windlass.domain.errors import AppError, Conflict
from windlass.domain.events import Event
from windlass.engine.connect import (
    Connected,
    change_environment,
    examine_environment,
    follow_settings,
)
from windlass.engine.context import Context
from windlass.engine.identity import accept_airflow
from windlass.engine.register import Registration
from windlass.engine.survey import survey

ONE = "11111111-1111-1111-1111-111111111111"
TWO = "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def alias() -> Iterator[Strange]:
    """A second address."""
    with serving() as told:
        yield told


def reporting(airflow_id: str | None) -> Callable[[str, dict[str, str]], Any]:
    """An Airflow that reports that id; without one, its page for what it does not know."""
    said = {"airflow_id": airflow_id} if airflow_id else b"<html>the Airflow UI</html>"
    listing = {"import_errors": [], "dags": [], "total_entries": 0}
    others = {"/windlass/airflow": said, "/api/v2/importErrors": listing, "/api/v2/dags": listing}
    return healthy(others=others)


def look(context: Context) -> None:
    """A look at every environment, which is due now."""
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(next_look_at=sa.func.now()))
    survey(context)


def told(context: Context) -> list[tuple[str, Any]]:
    with context.database.transaction() as connection:
        rows = connection.execute(sa.select(t.event.c.tag, t.event.c.facts).order_by(t.event.c.id))
        return [(tag, facts.get("code")) for tag, facts in rows if tag.startswith("environment:")]


def known_id(context: Context, name: str = "prod") -> str | None:
    with context.database.transaction() as connection:
        return list_installations(connection)[name].airflow_id


def identity(context: Context, name: str = "prod") -> tuple[Condition, str]:
    rows = {row.subject: row for row in examine_environment(context, name)}
    return rows["identity"].condition, rows["identity"].found


def test_a_second_environment_for_an_airflow_under_an_alias_is_refused(
    live: Context, strange: Strange, alias: Strange
) -> None:
    strange.answer = alias.answer = reporting(ONE)
    add(live, airflow_url=strange.url)

    with pytest.raises(Conflict) as refused:
        add(live, "again", airflow_url=alias.url)

    assert refused.value.code == "AIR005"
    assert "that of the environment 'prod' already" in refused.value.message
    with live.database.transaction() as connection:
        assert list(list_installations(connection)) == ["default", "prod"]


def test_an_airflow_that_the_settings_named_and_nobody_asked_yet_is_not_another_environments_too(
    live: Context, strange: Strange, alias: Strange
) -> None:
    """Between the start of a worker and its first look."""
    strange.answer = alias.answer = reporting(ONE)
    described = Environment("default", airflow_url=strange.url)
    follow_settings(live, described, LOGIN)

    with pytest.raises(Conflict) as refused:
        add(live, "again", airflow_url=alias.url)

    assert refused.value.code == "AIR005"
    assert "that of the environment 'default' already" in refused.value.message
    assert known_id(live, "default") == ONE
    look(live)
    assert told(live) == [(Event.ENVIRONMENT_RECOGNIZED, None)]


def test_an_airflow_that_was_away_when_another_environment_took_it_is_told_and_deployed_to_by_one(
    live: Context, strange: Strange, alias: Strange
) -> None:
    strange.answer = lambda path, query: 503
    alias.answer = reporting(ONE)
    follow_settings(live, Environment("default", airflow_url=strange.url), LOGIN)
    add(live, "again", airflow_url=alias.url)
    strange.answer = reporting(ONE)

    look(live)

    assert told(live) == [
        (Event.ENVIRONMENT_RECOGNIZED, None),
        (Event.ENVIRONMENT_REFUSED, "AIR005"),
    ]
    with pytest.raises(AppError, match="AIR005"):
        live.airflows["default"].list_dags("one")


def test_an_environment_that_moves_to_the_airflow_of_another_is_refused(
    live: Context, strange: Strange, alias: Strange
) -> None:
    strange.answer = alias.answer = reporting(ONE)
    add(live, airflow_url=strange.url)
    add(live, "again", airflow_url="http://127.0.0.1:1")

    with pytest.raises(Conflict, match="AIR005"):
        change_environment(live, Connected("again", {"airflow_url": alias.url}), actor="alice")


def test_what_was_away_when_it_was_added_is_refused_when_it_answers(
    live: Context, strange: Strange, alias: Strange
) -> None:
    strange.answer = reporting(ONE)
    alias.answer = lambda path, query: 503
    add(live, airflow_url=strange.url)
    add(live, "again", airflow_url=alias.url)
    alias.answer = reporting(ONE)

    look(live)

    assert told(live) == [
        (Event.ENVIRONMENT_RECOGNIZED, None),
        (Event.ENVIRONMENT_REFUSED, "AIR005"),
    ]
    with pytest.raises(AppError, match="AIR005"):
        live.airflows["again"].list_dags("one")
    assert identity(live, "again")[0] is Condition.FAILED


def test_an_airflow_that_was_made_anew_is_told_once_and_asked_nothing_until_it_is_accepted(
    live: Context, strange: Strange
) -> None:
    strange.answer = reporting(ONE)
    add(live, airflow_url=strange.url)
    strange.answer = reporting(TWO)

    look(live)
    look(live)

    assert told(live) == [
        (Event.ENVIRONMENT_RECOGNIZED, None),
        (Event.ENVIRONMENT_REFUSED, "AIR006"),
    ]
    assert (known_id(live), identity(live)[0]) == (ONE, Condition.FAILED)
    with pytest.raises(AppError, match="AIR006"):
        live.airflows["prod"].list_dags("one")

    accept_airflow(live, "prod", actor="alice")

    assert (known_id(live), live.airflows["prod"].list_dags("one")) == (TWO, [])
    with live.database.transaction() as connection:
        assert list_audit(connection, limit=10)[-1].facts == {
            "before": {"airflow_id": ONE},
            "after": {"airflow_id": TWO},
        }


def test_the_airflow_of_before_is_recognized_when_it_comes_back(
    live: Context, strange: Strange
) -> None:
    strange.answer = reporting(ONE)
    add(live, airflow_url=strange.url)
    strange.answer = reporting(TWO)
    look(live)
    strange.answer = reporting(ONE)

    look(live)

    assert [tag for tag, _ in told(live)][-1] == Event.ENVIRONMENT_RECOGNIZED
    assert identity(live) == (Condition.OK, f"its provider reports the id {ONE}")
    assert live.airflows["prod"].list_dags("one") == []


def test_without_an_id_the_address_tells_and_the_test_says_so(
    live: Context, strange: Strange
) -> None:
    strange.answer = reporting(None)
    add(live, airflow_url=strange.url)
    look(live)

    assert identity(live) == (
        Condition.WARNING,
        "its provider reports no id: it is told from other Airflows by its address alone",
    )
    with pytest.raises(Conflict, match="ENV009"):
        accept_airflow(live, "prod", actor="alice")


def test_another_address_may_lead_to_another_airflow(
    live: Context, strange: Strange, alias: Strange
) -> None:
    strange.answer, alias.answer = reporting(ONE), reporting(TWO)
    add(live, airflow_url=strange.url)

    change_environment(live, Connected("prod", {"airflow_url": alias.url}), actor="alice")

    assert (known_id(live), identity(live)[0]) == (TWO, Condition.OK)


def test_looks_that_fail_are_logged_once_and_counted_when_one_succeeds(
    live: Context, strange: Strange
) -> None:
    strange.answer = reporting(ONE)
    change_environment(
        live, Connected("default", {"airflow_url": strange.url}, LOGIN), actor="alice"
    )
    look(live)
    with capture_logs() as logs:
        for answer in (lambda path, query: 500, lambda path, query: 500, reporting(ONE)):
            strange.answer = answer
            look(live)

    told = [(one["event"], one.get("failed_looks")) for one in logs if "survey" in one["event"]]
    assert told == [("survey:failed", None), ("survey:recovered", 2)]


DAG = "from airflow.sdk import DAG\ndag = DAG('orders')\n"


def test_nothing_is_deployed_to_an_airflow_that_is_another_environments(
    live: Context, strange: Strange, alias: Strange, origin: Origin, registration: Registration
) -> None:
    strange.answer = reporting(ONE)
    alias.answer = lambda path, query: 503
    add(live, airflow_url=strange.url)
    add(live, "again", airflow_url=alias.url)
    alias.answer = reporting(ONE)
    look(live)
    origin.push("first", {"orders.py": DAG})

    run_sync(live, register(live, registration, environment="again"))

    failure = status_of(live).facts.failure
    assert failure is not None
    assert failure.code == "DEP007"
    assert failure.message.startswith("nothing is deployed to the environment 'again': the Airflow")
    assert live.store.read_pointer("again", "b01") is None


def test_what_waited_is_tried_again_when_the_address_is_taken_away(
    context: Context, origin: Origin, registration: Registration
) -> None:
    with context.database.transaction() as connection:
        query = sa.update(t.environment).values(airflow_url="http://127.0.0.1:1", owner="api")
        connection.execute(query)
        refused = Conflict("AIR005", "it is that of 'prod'", "Use 'prod'.")
        record_installation(connection, "default", None, refused)
    origin.push("first", {"orders.py": DAG})
    repository = register(context, registration)
    run_sync(context, repository)
    assert deployed_files(context) == {}

    change_environment(context, Connected("default", {"airflow_url": None}), actor="mira")
    with context.database.transaction() as connection:
        due = [one.repository.id for one in claim_due(connection, 10)]
    run_sync(context, repository)

    assert due == [repository.id]
    assert deployed_files(context) == {"orders.py": DAG}
