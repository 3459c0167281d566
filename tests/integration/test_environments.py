"""Environments that come, change and are tried out while all runs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Origin, register, run_sync
from tests.integration.strange import Strange
from windlass.database.audit import list_audit
from windlass.database.credentials import find_credential
from windlass.database.environments import get_environment, list_environments
from windlass.database.removals import list_removed
from windlass.domain.checkup import Condition
from windlass.domain.environment import Environment, Target
from windlass.domain.errors import AppError, Conflict, Invalid, NotFound
from windlass.domain.repository import Owner
from windlass.engine.connect import (
    Connected,
    Login,
    add_environment,
    change_environment,
    examine_environment,
    follow_settings,
    remove_environment,
)
from windlass.engine.context import Context
from windlass.engine.lifecycle import remove
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.network.proxies import Network
from windlass.stack.airflow import Mounted, airflow_settings

LOGIN = Login("windlass", "a password")


def stored(context: Context, name: str) -> Environment:
    with context.database.transaction() as connection:
        return get_environment(connection, name)


def add(context: Context, name: str = "prod", login: Login | None = LOGIN, **wanted: Any) -> None:
    add_environment(context, Connected(name, wanted, login), actor="alice")


def configured(**changed: str) -> dict[str, Any]:
    """Its settings as Windlass prints them for the environment `prod`, but for some."""
    wanted = airflow_settings(
        source=Mounted(Path("/store")),
        environment="prod",
        bundles=Environment("prod").pool,
        public_key=None,
    )
    options = [(one.section, one.key, changed.get(one.key, one.value)) for one in wanted]
    rows = [{"name": s, "options": [{"key": k, "value": v}]} for s, k, v in options]
    return {"sections": rows}


def healthy(
    version: str = "3.3.2", others: dict[str, Any] | None = None
) -> Callable[[str, dict[str, str]], Any]:
    now = datetime.now(UTC).isoformat()
    answers: dict[str, Any] = {
        "/api/v2/version": {"version": version},
        "/api/v2/monitor/health": {
            "metadatabase": {"status": "healthy"},
            "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": now},
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
        },
        "/api/v2/config": configured(),
        "/windlass/airflow": {"airflow_id": "11111111-1111-1111-1111-111111111111"},
    } | (others or {})
    return lambda path, query: answers.get(path, {})


def conditions(context: Context, name: str = "prod") -> dict[str, Condition]:
    return {row.subject: row.condition for row in examine_environment(context, name)}


def test_an_added_environment_has_its_pool_and_its_pointers(context: Context) -> None:
    add(context, bundles=2, teams={"ml": 1})

    names = ("windlass-00", "windlass-01", "windlass-ml-00")
    assert [context.store.points_to("prod", name, None) for name in names] == [True] * 3
    assert stored(context, "prod").teams == {"ml": 1}


def test_a_client_appears_with_the_address_and_follows_its_changes(
    live: Context, strange: Strange
) -> None:
    add(live, airflow_url="http://127.0.0.1:1")
    first = live.airflows["prod"]

    change_environment(live, Connected("prod", {"airflow_url": strange.url}), actor="alice")

    assert (first.url, live.airflows["prod"].url) == ("http://127.0.0.1:1", strange.url)
    assert live.airflows["prod"] is live.airflows["prod"]


def test_the_password_is_stored_encrypted_and_never_told(context: Context) -> None:
    add(context, airflow_url="http://127.0.0.1:1")
    change_environment(context, Connected("prod", {}, Login("w", "another")), actor="bob")

    with context.database.transaction() as connection:
        rows = [str(row) for row in list_audit(connection, limit=10)]
    assert [("password" in row, "another" in row) for row in rows] == [(False, False)] * 2


@pytest.mark.parametrize(
    ("name", "wanted", "code"),
    [
        ("prod", {}, "ENV003"),
        ("Prod!", {}, "REPO001"),
        ("other", {"bundles": 0}, "ENV005"),
        ("other", {"bundles": 200, "teams": {"ml": 57}}, "ENV005"),
        ("other", {"airflow_url": "airflow.example"}, "ENV006"),
        ("other", {"airflow_url": "https://ada:pw@airflow.example"}, "ENV006"),
        ("other", {"airflow_url": "http://127.0.0.1:1/"}, "ENV007"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    context: Context, name: str, wanted: dict[str, Any], code: str
) -> None:
    add(context, airflow_url="http://127.0.0.1:1")

    with pytest.raises(AppError) as refused:
        add(context, name, **wanted)

    assert refused.value.code == code
    assert "pw" not in str(refused.value)
    with pytest.raises(AppError):
        stored(context, "other")


def test_the_airflow_of_the_settings_may_be_anywhere_for_who_has_other_settings(
    context: Context, strange: Strange
) -> None:
    """`windlass doctor` beside a `windlass up --airflow`."""
    judged = replace(context, network=Network(airflow_hosts=()))
    strange.answer = healthy()
    described = replace(stored(context, "default"), airflow_url=strange.url)

    follow_settings(context, described, LOGIN)
    of_settings = examine_environment(judged, "default")
    follow_settings(context, stored(context, "default"), None)
    add(context, "prod", airflow_url=strange.url)
    of_people = examine_environment(judged, "prod")

    assert (of_settings[0].subject, of_settings[0].condition) == ("address", Condition.OK)
    assert "AIR008" in of_people[0].found


def test_an_airflow_at_the_address_of_a_clouds_secrets_is_not_taken(context: Context) -> None:
    judged = replace(context, network=Network(airflow_hosts=()))

    with pytest.raises(Invalid) as refused:
        add(judged, airflow_url="http://169.254.169.254")

    assert refused.value.code == "AIR008"
    with context.database.transaction() as connection:
        assert [one.name for one in list_environments(connection)] == ["default"]


def test_all_that_is_wrong_is_told_at_once(context: Context) -> None:
    with pytest.raises(Invalid) as refused:
        add(context, bundles=0, airflow_url="ftp://x")

    lines = [line[:6] for line in str(refused.value).splitlines() if not line.startswith(" ")]
    assert lines == ["ENV005", "ENV006"]


def test_a_removed_environment_is_gone_and_its_name_is_free_again(
    context: Context, origin: Origin, registration: Registration
) -> None:
    add(context, bundles=2)
    origin.push("first", {"orders.py": "X = 1\n"})
    run_sync(context, register(context, registration, environment="prod"))
    with pytest.raises(Conflict, match="ENV012 the environment 'prod' has dags"):
        remove_environment(context, "prod", actor="bob")

    remove(context, "dags", reason="over", actor="alice")
    go_on_removing(context)
    remove_environment(context, "prod", actor="bob")

    with pytest.raises(NotFound, match="ENV002"):
        stored(context, "prod")
    with context.database.transaction() as connection:
        assert find_credential(connection, "airflow:prod") is None
        assert [one.name for one in list_environments(connection)] == ["default"]
        assert list_removed(connection, 9)[0].environment.startswith("prod (removed ")
    add(context, bundles=1)
    assert context.store.points_to("prod", "windlass-00", None)


def test_what_others_own_is_not_removed(context: Context) -> None:
    follow_settings(context, Environment("prod", airflow_url="http://127.0.0.1:1"), LOGIN)

    with pytest.raises(Conflict, match="ENV004"):
        remove_environment(context, "prod", actor="alice")


def test_settings_with_an_airflow_own_their_environment(context: Context) -> None:
    described = Environment("default", airflow_url="http://127.0.0.1:1", bundles=3)

    follow_settings(context, described, LOGIN)

    found = stored(context, "default")
    assert (found.owner, found.airflow_url, found.bundles) == (
        Owner.SETTINGS,
        "http://127.0.0.1:1",
        3,
    )
    with pytest.raises(Conflict) as refused:
        change_environment(context, Connected("default", {"bundles": 9}), actor="alice")
    assert refused.value.code == "ENV004"


def test_settings_that_let_go_leave_the_environment_to_the_api(live: Context) -> None:
    follow_settings(live, Environment("default", airflow_url="http://127.0.0.1:1"), LOGIN)

    follow_settings(live, Environment("default"), None)

    assert (stored(live, "default").owner, list(live.airflows)) == (Owner.API, [])


def test_settings_without_an_airflow_change_nothing_but_the_size_of_the_pool(
    context: Context,
) -> None:
    wanted = {"airflow_url": "http://127.0.0.1:1", "bundles": 4}
    change_environment(context, Connected("default", wanted, LOGIN), actor="alice")

    follow_settings(context, Environment("default", bundles=2), None)
    assert stored(context, "default").bundles == 4

    follow_settings(context, Environment("default", bundles=6), None)
    assert stored(context, "default").airflow_url == "http://127.0.0.1:1"
    assert context.store.points_to("default", "windlass-05", None)


def test_a_start_with_the_same_password_stores_nothing_anew(live: Context) -> None:
    described = Environment("default", airflow_url="http://127.0.0.1:1")
    follow_settings(live, described, LOGIN)
    client = live.airflows["default"]

    follow_settings(live, described, LOGIN)

    assert live.airflows["default"] is client


def test_a_healthy_airflow_is_found_healthy(context: Context, strange: Strange) -> None:
    strange.answer = healthy()
    add(context, airflow_url=strange.url)

    found = conditions(context)

    assert found == dict.fromkeys(
        (
            *("address", "version", "sign-in", "rights", "deletion", "settings", "clock"),
            *("dag_processor", "metadatabase", "identity"),
        ),
        Condition.OK,
    )


@pytest.mark.parametrize(
    ("version", "target", "condition"),
    [
        ("3.1.8", Target.BUNDLE, Condition.WARNING),
        ("3.0.6", Target.BUNDLE, Condition.FAILED),
        ("2.11.2", Target.BUNDLE, Condition.FAILED),
        ("2.11.2", Target.FOLDER, Condition.OK),
        ("3.9.0", Target.BUNDLE, Condition.WARNING),
        ("what", Target.BUNDLE, Condition.FAILED),
    ],
)
def test_the_version_says_whether_the_target_works(
    context: Context, strange: Strange, version: str, target: Target, condition: Condition
) -> None:
    strange.answer = healthy(version)
    add(context, airflow_url=strange.url, target=target)

    assert conditions(context)["version"] is condition


def test_rights_that_are_missing_are_named(context: Context, strange: Strange) -> None:
    strange.answer = healthy(others={"/api/v2/dags/~/dagRuns": 403})
    add(context, airflow_url=strange.url)

    found = {row.subject: row for row in examine_environment(context, "prod")}

    assert found["rights"].condition is Condition.FAILED
    assert found["rights"].found == "'windlass' may not read runs"


def test_settings_that_hurt_are_named(context: Context, strange: Strange) -> None:
    told = configured(stale_bundle_cleanup_interval="1800")
    strange.answer = healthy(others={"/api/v2/config": told})
    add(context, airflow_url=strange.url)

    found = {row.subject: row for row in examine_environment(context, "prod")}

    assert found["setting"].found.startswith(
        "[dag_processor] stale_bundle_cleanup_interval is 1800, not 0: "
    )
    assert found["settings"].remedy == "Print them: windlass airflow config --environment prod"


def test_settings_that_are_not_told_are_to_be_compared_by_hand(
    context: Context, strange: Strange
) -> None:
    strange.answer = healthy(others={"/api/v2/config": 403})
    add(context, airflow_url=strange.url)

    found = {row.subject: row for row in examine_environment(context, "prod")}

    assert found["settings"].condition is Condition.UNKNOWN
    assert found["settings"].remedy.startswith("Compare them by hand: windlass airflow config")


def test_a_component_that_is_ill_is_a_failure(context: Context, strange: Strange) -> None:
    beat = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    ill = {"status": "unhealthy", "latest_dag_processor_heartbeat": beat}
    strange.answer = healthy(others={"/api/v2/monitor/health": {"dag_processor": ill}})
    add(context, airflow_url=strange.url)

    found = {row.subject: row for row in examine_environment(context, "prod")}

    assert found["dag_processor"].found.startswith("unhealthy, heard of 30")
    assert found["dag_processor"].condition is Condition.FAILED


def test_a_clock_that_is_off_is_a_warning(context: Context, strange: Strange) -> None:
    strange.answer = healthy()
    strange.date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    add(context, airflow_url=strange.url)

    found = {row.subject: row for row in examine_environment(context, "prod")}["clock"]
    assert found.condition is Condition.WARNING
    # As `repo show` has it: what an answer says may be two seconds old, and its time has no parts.
    assert found.found in [
        f"Airflow's clock is {seconds} s ahead of the database's" for seconds in (30, 31, 32)
    ]


@pytest.mark.parametrize(
    ("wanted", "login", "expected"),
    [
        ({}, LOGIN, ("address", Condition.WARNING)),
        ({"airflow_url": "http://127.0.0.1:1"}, LOGIN, ("address", Condition.FAILED)),
        ({"airflow_url": "http://127.0.0.1:1"}, None, ("credential", Condition.FAILED)),
    ],
)
def test_what_keeps_it_from_being_asked_is_told_first(
    context: Context, wanted: dict[str, Any], login: Login | None, expected: tuple[str, Condition]
) -> None:
    add(context, login=login, **wanted)

    rows = examine_environment(context, "prod")

    assert [(row.subject, row.condition) for row in rows] == [expected]
    assert rows[0].remedy
