"""The observer and Airflow's client before an Airflow, or a proxy, that answers strangely.

A server here gives canned answers, since a real Airflow cannot be made to misbehave so. What a
real one says is in tests/acceptance.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, clone_of, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.database.history import list_events
from windlass.domain.errors import Invalid, Unavailable
from windlass.domain.events import Event
from windlass.domain.observation import SeenDag, SeenImportError
from windlass.domain.release import DeploymentState
from windlass.domain.repository import Health, Repository
from windlass.domain.status import health
from windlass.engine.context import Context
from windlass.engine.observe import Observer
from windlass.engine.register import Registration
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.targets.airflow import AirflowClient

HTML = b"<html>down for maintenance</html>"
AT = "2026-01-02T03:04:05Z"


@pytest.fixture
def observer(context: Context, client: AirflowClient) -> Observer:
    return Observer(replace(context, airflows={"default": client}))


def page(key: str, *rows: Any) -> dict[str, Any]:
    return {key: rows, "total_entries": len(rows)}


def import_error(**changes: Any) -> dict[str, Any]:
    row = {"import_error_id": 1, "bundle_name": "one", "filename": "a.py"}
    return {**row, "timestamp": AT, "stack_trace": "boom", **changes}


def shows(release: int) -> dict[str, Any]:
    return page(
        "dags",
        {"dag_id": "orders", "bundle_version": str(release), "relative_fileloc": "a.py"},
    )


def live_in_every_bundle(path: str, query: dict[str, str]) -> Any:
    if path.endswith("/importErrors"):
        return page("import_errors")
    name, release = {"one": ("orders", "1"), "two": ("sales", "2")}[query["bundle_name"]]
    row = {"dag_id": name, "bundle_version": release, "relative_fileloc": "a.py"}
    return page("dags", row)


def failing(path: str, query: dict[str, str]) -> Any:
    now = datetime.now(UTC).isoformat()
    if path.endswith("/dags"):
        return page("dags")
    return page("import_errors", import_error(timestamp=now, stack_trace="a\0b \x1b[31m\ud800c"))


def dag_file(dag_id: str) -> dict[str, str | None]:
    return {"a.py": f"from airflow.sdk import DAG\nwith DAG({dag_id!r}):\n    pass\n"}


@pytest.fixture
def published(context: Context, origin: Origin, registration: Registration) -> Repository:
    """Release 1 in the bundle `one`, not seen in Airflow yet."""
    origin.push("first", dag_file("orders"))
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


@pytest.fixture
def both(
    context: Context,
    published: Repository,
    registration: Registration,
    git_server: GitHttpServer,
    room: Path,
) -> None:
    """And release 2 of another repository in the bundle `two`."""
    git_server.create_repository("team/second", private=True)
    second = clone_of(git_server, "team/second", room / "second")
    second.push("first", dag_file("sales"))
    run_sync(context, register(context, registration, url=second.url))


def make_due(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE deployment SET next_observation_at = '2020-01-01'"))


def states(context: Context) -> list[str]:
    with context.database.transaction() as connection:
        return list(
            connection.execute(sa.text("SELECT state FROM deployment ORDER BY id")).scalars()
        )


def look(context: Context, observer: Observer) -> int:
    make_due(context)
    return observer.look()


def told(context: Context, repository: Repository) -> list[str]:
    with context.database.transaction() as connection:
        tags = [event.tag for event in list_events(connection, repository.id, 50)]
    return [tag for tag in tags if tag.startswith("deployment:")]


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        b"\xff",
        [],
        {},
        None,
        {"dags": None, "total_entries": 0},
        {"dags": [{}], "total_entries": 1},
        {"dags": [None], "total_entries": 1},
        {"dags": [{"dag_id": None}], "total_entries": 1},
        {"dags": [{"dag_id": "a", "bundle_version": 7}], "total_entries": 1},
        {"dags": [{"dag_id": "a"}], "total_entries": None},
        page("dags", {"dag_id": "a", "last_parsed_time": "soon", "last_parse_duration": 1}),
        page("dags", {"dag_id": "a", "last_parsed_time": AT, "last_parse_duration": 1e300}),
    ],
)
def test_an_answer_that_is_not_airflows_is_told_as_such(
    strange: Strange, client: AirflowClient, answer: Any
) -> None:
    strange.answer = lambda path, query: answer

    with pytest.raises(Unavailable, match=r"^AIR004 what answers /api/v2/dags at http"):
        client.list_dags("one")


@pytest.mark.parametrize("strange_field", ["timestamp", "filename", "stack_trace"])
def test_an_import_error_without_a_field_is_not_understood(
    strange: Strange, client: AirflowClient, strange_field: str
) -> None:
    row = import_error(**{strange_field: None})
    strange.answer = lambda path, query: page("import_errors", row)

    with pytest.raises(Unavailable, match=r"^AIR004 what answers /api/v2/importErrors"):
        client.list_import_errors("one")


@pytest.mark.parametrize("token", [HTML, {}, {"access_token": None}, {"access_token": "ü"}])
def test_a_sign_in_without_a_token_is_not_understood(
    strange: Strange, client: AirflowClient, token: Any
) -> None:
    strange.token = token

    with pytest.raises(Unavailable, match=r"^AIR004 what answers /auth/token"):
        client.list_dags("one")


@pytest.mark.parametrize(
    ("status", "kind", "code"), [(502, Unavailable, "AIR001"), (403, Invalid, "AIR003")]
)
def test_a_refusal_is_no_strange_answer(
    strange: Strange, client: AirflowClient, status: int, kind: type[Exception], code: str
) -> None:
    strange.answer = lambda path, query: status

    with pytest.raises(kind, match=f"^{code} "):
        client.list_dags("one")


def test_what_cannot_be_stored_or_shown_is_replaced(
    strange: Strange, client: AirflowClient
) -> None:
    row = import_error(stack_trace="a\0b\n\t\x1b[31m\ud800c\u00e9")
    strange.answer = lambda path, query: page("import_errors", row)

    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert client.list_import_errors("one") == [
        SeenImportError("a.py", at, "a\ufffdb\n\t\ufffd[31m\ufffdc\u00e9")
    ]


def test_no_dag_is_skipped_where_airflow_gives_shorter_pages(
    strange: Strange, client: AirflowClient
) -> None:
    """Its [api] maximum_page_limit may be below what we ask for."""
    rows = [{"dag_id": f"d{number:03}"} for number in range(120)]

    def answer(path: str, query: dict[str, str]) -> Any:
        begin = int(query["offset"])
        return {"dags": rows[begin : begin + 50], "total_entries": 120}

    strange.answer = answer

    assert client.list_dags("one") == [SeenDag(row["dag_id"], None, "", "") for row in rows]
    assert [(q["offset"], q["order_by"]) for _, q in strange.calls] == [
        ("0", "dag_id"),
        ("50", "dag_id"),
        ("100", "dag_id"),
    ]


def test_an_empty_page_ends_a_list_whose_total_is_wrong(
    strange: Strange, client: AirflowClient
) -> None:
    strange.answer = lambda path, query: {"dags": [], "total_entries": 9}

    assert client.list_dags("one") == []
    assert len(strange.calls) == 1


def test_an_import_error_on_two_pages_is_given_once(
    strange: Strange, client: AirflowClient
) -> None:
    """Airflow 3.1 and 3.2 page over an error's DAGs: this file has three of them."""

    def answer(path: str, query: dict[str, str]) -> Any:
        return {"import_errors": [import_error()], "total_entries": 3}

    strange.answer = answer

    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert client.list_import_errors("one") == [SeenImportError("a.py", at, "boom")]


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("poison", [HTML, page("dags", {"dag_id": None}), 403])
def test_a_strange_answer_about_one_bundle_holds_up_no_other(
    strange: Strange, context: Context, observer: Observer, poison: Any
) -> None:
    def answer(path: str, query: dict[str, str]) -> Any:
        is_first = query["bundle_name"] == "one"
        return poison if is_first else live_in_every_bundle(path, query)

    strange.answer = answer

    assert look(context, observer) == 2
    assert states(context) == ["published", "live"]


@pytest.mark.usefixtures("both")
def test_a_bug_that_one_deployment_meets_holds_up_no_other(
    strange: Strange, context: Context, observer: Observer
) -> None:
    with context.database.transaction() as connection:
        connection.execute(
            sa.text(
                "UPDATE artifact_chunk SET packed = 'x' WHERE key = ANY (SELECT unnest(chunks)"
                " FROM artifact JOIN release ON digest = artifact_digest WHERE release.id = 1)"
            )
        )
    context.artifacts._kept.clear()
    strange.answer = live_in_every_bundle

    assert look(context, observer) == 2
    assert states(context) == ["published", "live"]


@pytest.mark.usefixtures("both")
def test_an_airflow_that_is_away_is_asked_once_a_round_and_about_each_in_turn(
    strange: Strange, context: Context, observer: Observer
) -> None:
    strange.answer = lambda path, query: 503

    for _ in range(4):
        look(context, observer)

    assert [query["bundle_name"] for _, query in strange.calls] == ["one", "two"] * 2


def test_a_failure_is_told_once_and_stored_as_text(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    strange.answer = failing

    for _ in range(3):
        assert look(context, observer) == 1

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.import_errors == (("a.py", "a\ufffdb \ufffd[31m\ufffdc"),)
    assert told(context, published) == [Event.DEPLOYMENT_FAILED, Event.DEPLOYMENT_KEPT]


def test_a_failed_deployment_is_live_once_airflow_shows_it(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    strange.answer = failing
    look(context, observer)
    strange.answer = live_in_every_bundle

    look(context, observer)

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert health(deployed) == (Health.HEALTHY, "every DAG was seen")
    assert (deployed.state, deployed.import_errors) == (DeploymentState.LIVE, ())
    assert told(context, published) == [
        Event.DEPLOYMENT_FAILED,
        Event.DEPLOYMENT_KEPT,
        Event.DEPLOYMENT_LIVE,
    ]
    assert look(context, observer) == 0


def test_a_failed_deployment_is_looked_at_every_ten_seconds(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    strange.answer = failing
    look(context, observer)
    look(context, observer)

    with context.database.transaction() as connection:
        pause = sa.text("SELECT extract(epoch FROM next_observation_at - now()) FROM deployment")
        pause_s = connection.execute(pause).scalar_one()
    assert 8 < pause_s <= 10


def test_a_failed_deployment_stays_failed_once_the_next_took_its_place(
    strange: Strange, context: Context, observer: Observer, published: Repository, origin: Origin
) -> None:
    strange.answer = failing
    look(context, observer)
    origin.push("second", {"a.py": "from airflow.sdk import DAG\nd = DAG('orders')\n"})
    run_sync(context, published)
    strange.answer = lambda path, query: (
        shows(1) if path.endswith("/dags") else page("import_errors")
    )

    assert look(context, observer) == 1
    assert states(context) == ["failed", "published"]


def test_a_worker_leaves_alone_what_it_has_no_airflow_for(
    strange: Strange, context: Context, client: AirflowClient, published: Repository
) -> None:
    make_due(context)
    strange.answer = live_in_every_bundle

    assert Observer(context).look() == 0
    assert Observer(replace(context, airflows={"other": client})).look() == 0
    assert Observer(replace(context, airflows={"default": client})).look() == 1
    assert states(context) == ["live"]


def test_a_file_that_was_parsed_too_early_is_asked_for_again_as_soon_as_that_is_seen(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    row: dict[str, Any] = {"dag_id": "orders", "relative_fileloc": "a.py", "file_token": "a"}
    row |= {"last_parsed_time": AT, "last_parse_duration": 1, "bundle_version": "0"}
    strange.answer = lambda path, query: (
        page("dags", row) if path.endswith("/dags") else page("import_errors")
    )
    look(context, observer)
    look(context, observer)
    assert strange.parsed == ["a"]
    row |= {"last_parsed_time": "2026-01-02T03:04:06Z", "bundle_version": "1"}

    look(context, observer)
    look(context, observer)

    assert strange.parsed == ["a", "a"]


def test_a_request_that_met_a_parse_of_the_release_before_is_made_again(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    row: dict[str, Any] = {"dag_id": "orders", "relative_fileloc": "a.py", "file_token": "a"}
    row |= {"last_parsed_time": AT, "last_parse_duration": 1, "bundle_version": "0"}
    strange.answer = lambda path, query: (
        page("dags", row) if path.endswith("/dags") else page("import_errors")
    )
    look(context, observer)
    row["last_parsed_time"] = "2026-01-02T03:04:06Z"

    look(context, observer)
    look(context, observer)

    assert strange.parsed == ["a", "a"]


def test_a_release_is_live_only_once_its_own_file_was_read_whatever_the_version_says(
    strange: Strange, context: Context, observer: Observer, published: Repository
) -> None:
    row: dict[str, Any] = {"dag_id": "orders", "relative_fileloc": "a.py", "file_token": "a"}
    row |= {"last_parsed_time": "2999-01-02T03:04:05Z", "last_parse_duration": 1}
    row |= {"bundle_version": "1", "fileloc": "/srv/store/releases/7/tree/a.py"}
    strange.answer = lambda path, query: (
        page("dags", row) if path.endswith("/dags") else page("import_errors")
    )
    look(context, observer)
    assert states(context) == ["published"]

    row["fileloc"] = "/srv/store/releases/1/tree/a.py"
    look(context, observer)

    assert states(context) == ["live"]
