"""The API over a real database and real git, without a worker: jobs are run by hand."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from tests.integration.conftest import (
    PASSWORD,
    Origin,
    clone_of,
    deployed_files,
    run_sync,
    status_of,
)
from tests.integration.serving import TOKEN, api_over, client_of
from windlass.database.audit import list_audit
from windlass.database.connection import Database
from windlass.database.environments import get_environment, put_environment
from windlass.database.repositories import get_repository
from windlass.domain.delivery import ForgeKind
from windlass.domain.options import VerdictMode
from windlass.engine.context import Context
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer

ROOT = Path(__file__).parents[2]
REPOSITORIES = "/api/v1/repositories"
CALLS = {f"/webhooks/{kind}" for kind in ForgeKind} | {"/webhooks/r/{address}"}  # prove themselves
PUBLIC = (
    CALLS
    | {"/openapi.json", "/healthz", "/readyz", "/metrics", "/rules/{code}"}
    | {f"/docs{path}" for path in ("", "/start.js", "/swagger-ui-bundle.js", "/swagger-ui.css")}
)
ORDERS = "from airflow.sdk import DAG\nDAG('orders')\n"
REPOSITORY_KEYS = [
    "at_work",
    "branch",
    "bundle",
    "environment",
    "expected_revision",
    "failure",
    "findings",
    "head",
    "health",
    "holds",
    "hooks",
    "imports",
    "judged_revision",
    "name",
    "namespace",
    "next_poll_at",
    "options",
    "partial",
    "path",
    "polled_at",
    "ref",
    "ref_choice",
    "ref_kind",
    "release",
    "sync",
    "sync_interval_s",
    "untold",
    "url",
    "validated",
    "waiting",
    "warnings",
    "watched",
]


@pytest.fixture
def api(context: Context) -> FastAPI:
    return api_over(context)


@pytest.fixture
def stranger(api: FastAPI) -> Iterator[httpx.Client]:
    """Charlie, who has no token."""
    with client_of(api) as client:
        yield client


@pytest.fixture
def alice(stranger: httpx.Client) -> httpx.Client:
    stranger.headers["Authorization"] = f"Bearer {TOKEN}"
    return stranger


@pytest.fixture
def body(origin: Origin) -> dict[str, Any]:
    auth = {"username": "ci", "password": PASSWORD}
    return {"url": origin.url, "auth": auth}


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """Every route, also of included routers, which FastAPI keeps as they are."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes_of(inner.routes)
        else:
            assert isinstance(route, Route)
            yield route


def problem(response: httpx.Response) -> tuple[int, dict[str, str]]:
    found: dict[str, str] = response.json()
    assert set(found) == {"code", "message", "hint"}
    return response.status_code, found


def added(alice: httpx.Client, body: dict[str, Any], context: Context, origin: Origin) -> str:
    """A repository with its first release deployed; the commit."""
    sha = origin.push("first", {"orders.py": ORDERS})
    assert alice.post(REPOSITORIES, json=body).status_code == 201
    run_sync(context, status_of(context).repository)
    return sha


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Basic YTph", "a-token", "Bearer a-tokem"]
)
def test_every_route_but_the_public_ones_wants_the_token(
    api: FastAPI, stranger: httpx.Client, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    asked = {
        (method, route.path): problem(
            stranger.request(
                method,
                route.path.replace("{name}", "dags").replace("{release}", "1"),
                headers=headers,
            )
        )
        for route in routes_of(api.routes)
        for method in (route.methods or set()) - {"HEAD"}
        if route.path not in PUBLIC
    }

    refused = {
        "code": "API002",
        "message": "the token is missing or wrong",
        "hint": "Send `Authorization: Bearer TOKEN`; the token is in the file api-token, "
        "for /metrics in that of WINDLASS_METRICS_TOKEN_FILE.",
    }
    assert len(asked) >= 7
    assert asked == dict.fromkeys(asked, (401, refused))


def test_the_public_routes_hold_nothing_but_the_description(
    stranger: httpx.Client, alice: httpx.Client
) -> None:
    assert stranger.get("/healthz").json() == {"status": "ok"}
    assert stranger.get("/readyz").json()["status"] == "ready"
    assert "/api/v1/repositories" in stranger.get("/openapi.json").json()["paths"]


def test_the_description_is_the_one_in_docs(stranger: httpx.Client) -> None:
    written = json.loads((ROOT / "docs" / "contract" / "openapi.json").read_text())

    assert stranger.get("/openapi.json").json() == written


def test_all_that_is_wrong_with_a_request_is_told_at_once_without_its_values(
    alice: httpx.Client,
) -> None:
    body = {
        "url": "",
        "auth": {"username": "ci", "password": {"s3cret": 1}, "extra": "s3cret"},
        "sync_intervall": "s3cret",
    }

    answer = alice.post(REPOSITORIES, json=body)

    assert problem(answer) == (
        422,
        {
            "code": "API001",
            "message": "url is empty; auth.password is no text; "
            "auth.extra is not known here; sync_intervall is not known here",
            "hint": "The command's --help, and /openapi.json, describe what is expected.",
        },
    )


def test_a_body_that_is_no_json_is_told_without_the_body(alice: httpx.Client) -> None:
    answer = alice.post(REPOSITORIES, content=b'{"password": "s3cret"')

    status, found = problem(answer)
    assert (status, found["code"], "s3cret" in answer.text) == (422, "API001", False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"url": "ext::sh -c id"}, "GIT001"),
        ({"tag": "v1", "commit": "1" * 40}, "REPO005"),
        ({"commit": "main"}, "REPO003"),
        ({"tag": "gone"}, "GIT004"),
        ({"url": "git@git.example:dags"}, "CRED006"),
        ({"url": "https://bob:s3cret@git.example/x"}, "GIT001"),
        ({"url": "file:///etc"}, "CRED006"),
        ({"name": "Not A Name"}, "REPO001"),
        ({"namespace": "../x"}, "REPO001"),
        ({"sync_interval": "soon"}, "REPO002"),
        ({"branch": "--upload-pack=x"}, "REPO003"),
        ({"path": "../up"}, "REPO004"),
        ({"auth": {"username": "ci", "password": "s3cret"}}, "GIT002"),
        ({"branch": "gone"}, "GIT004"),
        ({"options": {"auto_deplyo": False}}, "REPO014"),
        ({"options": {"verdict_mode": "some"}}, "REPO014"),
        ({"options": {"team": "sales"}}, "REPO022"),
        ({"auth": None, "credential": "gone"}, "CRED003"),
        ({"auth": None, "credential": "airflow:default"}, "REPO001"),
        ({"credential": "gone"}, "CRED024"),
    ],
)
def test_a_repository_that_cannot_work_is_refused_and_nothing_is_stored(
    alice: httpx.Client, origin: Origin, body: dict[str, Any], changes: dict[str, Any], code: str
) -> None:
    origin.push("first", {"orders.py": ORDERS})

    answer = alice.post(REPOSITORIES, json={**body, **changes})

    status, found = problem(answer)
    assert (status, found["code"]) == (422, code)
    assert "s3cret" not in answer.text
    assert alice.get(REPOSITORIES).json() == []


def test_everything_that_is_wrong_with_a_registration_is_told_at_once(
    alice: httpx.Client, body: dict[str, Any]
) -> None:
    wrong = {"name": "No Name", "sync_interval": "1x", "options": {"auto_deplyo": 1, "team": 2}}

    _, found = problem(alice.post(REPOSITORIES, json={**body, **wrong}))

    codes = [line[:7] for line in found["message"].splitlines() if not line.startswith(" ")]
    assert (found["code"], codes[1:]) == ("REPO001", ["REPO002", "REPO014", "REPO014"])
    assert 'Did you mean "auto_deploy"?' in found["message"]


def test_the_options_of_a_registration_hold_for_its_first_release(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    added(alice, {**body, "options": {"auto_deploy": False}}, context, origin)

    found = alice.get(f"{REPOSITORIES}/dags").json()
    assert (found["sync"]["state"], found["release"]) == ("waiting_approval", None)
    assert deployed_files(context) == {}


def test_what_a_registration_does_not_choose_its_environment_says(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    with context.database.transaction() as connection:
        environment = get_environment(connection, "default")
        wanted = replace(environment, verdict_mode=VerdictMode.PER_FILE)
        put_environment(connection, wanted, "")
    added(alice, body, context, origin)

    options = alice.get(f"{REPOSITORIES}/dags").json()["options"]
    assert (options["verdict_mode"], options["new_dags"]) == ("per_file", "keep")


def test_an_unknown_environment_is_not_found(
    alice: httpx.Client, origin: Origin, body: dict[str, Any]
) -> None:
    origin.push("first", {"orders.py": ORDERS})

    status, found = problem(alice.post(REPOSITORIES, json={**body, "environment": "prod"}))

    assert (status, found["code"], found["message"]) == (
        404,
        "ENV002",
        "no environment is named 'prod'",
    )


def test_a_git_host_that_is_away_is_try_later(
    alice: httpx.Client, git_server: GitHttpServer, body: dict[str, Any]
) -> None:
    git_server.offline()

    status, found = problem(alice.post(REPOSITORIES, json=body))

    assert (status, found["code"]) == (503, "GIT006")


def test_an_added_repository_is_listed_and_shown_without_its_password(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    sha = added(alice, body, context, origin)

    listed, shown = alice.get(REPOSITORIES), alice.get(f"{REPOSITORIES}/dags")

    assert listed.json() == [shown.json()]
    found = shown.json()
    assert sorted(found) == REPOSITORY_KEYS
    assert (found["bundle"], found["url"], found["sync_interval_s"]) == ("one", origin.url, 60)
    assert (found["head"]["sha"], found["release"]["revision"]) == (sha, sha)
    assert PASSWORD not in shown.text


def test_the_history_is_told_oldest_first_and_can_be_cut(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    added(alice, body, context, origin)

    events = alice.get(f"{REPOSITORIES}/dags/events?limit=2").json()

    assert [event["tag"] for event in events] == ["release:published", "sync:ended"]
    assert [sorted(event) for event in events] == [
        ["at", "facts", "release", "revision", "tag"]
    ] * 2


def test_a_release_tells_whose_commit_it_is(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    sha = added(alice, body, context, origin)

    (release,) = alice.get(f"{REPOSITORIES}/dags/releases").json()

    times = {release.pop(name) is None for name in ("created_at", "published_at")}
    assert times == {False}
    assert release == {
        "id": 1,
        "revision": sha,
        "subject": "first",
        "author": "Alice",
        "content_of": None,
        "actor": "windlass",
        "reason": "push: first",
        "state": "published",
        "live_at": None,
        "is_current": True,
        "quarantine_reason": None,
        "file_count": 1,
        "validated": True,
        "kept": {},
        "omitted": {},
    }


def test_a_sync_is_queued_once(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    alice.post(REPOSITORIES, json=body)

    answer = alice.post(f"{REPOSITORIES}/dags/sync")

    # The one that came with the registration waits still.
    assert (answer.status_code, answer.json()) == (202, {"queued": False})


def test_a_rollback_brings_the_content_of_the_release_before(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    added(alice, body, context, origin)
    origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    repository = status_of(context).repository
    run_sync(context, repository)

    answer = alice.post(f"{REPOSITORIES}/dags/rollback", json={"reason": "bad"})
    handlers(context)["rollback"](
        repository.id, to=1, bad=2, actor="alice", reason="bad", should_abort=lambda: False
    )

    assert (answer.status_code, answer.json()) == (202, {"content_of": 1})
    releases = alice.get(f"{REPOSITORIES}/dags/releases").json()
    told = [(r["id"], r["content_of"], r["is_current"], r["quarantine_reason"]) for r in releases]
    assert told == [(3, 1, True, None), (2, None, False, "bad"), (1, None, False, None)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/releases"),
        ("POST", "/sync"),
        ("POST", "/rollback"),
    ],
)
def test_an_unknown_repository_is_not_found_and_the_known_ones_are_named(
    alice: httpx.Client, origin: Origin, body: dict[str, Any], method: str, path: str
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    alice.post(REPOSITORIES, json=body)

    given = {"reason": "x"} if path == "/rollback" else None
    answer = alice.request(method, f"{REPOSITORIES}/dag{path}", json=given)

    assert problem(answer) == (
        404,
        {
            "code": "REPO011",
            "message": "there is no repository 'dag'",
            "hint": 'Did you mean "dags"?',
        },
    )


def test_a_name_that_is_taken_is_a_conflict(
    alice: httpx.Client, origin: Origin, body: dict[str, Any]
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    alice.post(REPOSITORIES, json=body)

    assert problem(alice.post(REPOSITORIES, json=body)) == (
        409,
        {
            "code": "REPO010",
            "message": "there is a repository 'dags' already",
            "hint": "Give another name with --name, or look at it: windlass repo show dags",
        },
    )


def test_the_password_of_a_refused_twin_does_not_replace_the_first(
    alice: httpx.Client,
    context: Context,
    origin: Origin,
    body: dict[str, Any],
    git_server: GitHttpServer,
) -> None:
    added(alice, body, context, origin)
    git_server.create_repository("other/dags", private=False)
    other = clone_of(git_server, "other/dags", origin.clone.with_name("other"))
    other.push("first", {"orders.py": ORDERS})
    twin = {"url": other.url, "auth": {"username": "mallory", "password": "any"}}

    assert alice.post(REPOSITORIES, json=twin).status_code == 409
    sha = origin.push("second", {"orders.py": ORDERS + "# 2\n"})
    run_sync(context, status_of(context).repository)
    assert alice.get(f"{REPOSITORIES}/dags").json()["release"]["revision"] == sha


@pytest.mark.parametrize("to", [None, 1])
def test_nothing_to_go_back_to_is_a_conflict(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any], to: int | None
) -> None:
    added(alice, body, context, origin)

    answer = alice.post(f"{REPOSITORIES}/dags/rollback", json={"reason": "x", "to": to})

    status, found = problem(answer)
    assert (status, found["code"]) == (409, "REL004")


def test_a_release_that_is_not_there_is_not_found(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    added(alice, body, context, origin)

    answer = alice.post(f"{REPOSITORIES}/dags/rollback", json={"reason": "x", "to": 7})

    assert problem(answer) == (
        404,
        {
            "code": "REL001",
            "message": "the repository has no release #7",
            "hint": "The newest are #1.",
        },
    )


@pytest.mark.parametrize(
    "body", [{"reason": "x", "to": 2**63}, {"reason": "a\0b"}, {"reason": "\ud800"}]
)
def test_what_no_database_can_hold_is_refused(alice: httpx.Client, body: dict[str, Any]) -> None:
    asked = json.dumps(body).encode()

    status, found = problem(alice.post(f"{REPOSITORIES}/dags/rollback", content=asked))

    assert (status, found["code"]) == (422, "API001")


def test_a_name_that_no_database_can_hold_is_refused(alice: httpx.Client) -> None:
    status, found = problem(alice.get(f"{REPOSITORIES}/%00"))

    assert (status, found["code"]) == (422, "API001")


@pytest.mark.parametrize("path", ["/", "/api", "/redoc", f"{REPOSITORIES}/a/b/c"])
def test_an_unknown_address_is_a_problem_too(alice: httpx.Client, path: str) -> None:
    assert problem(alice.get(path)) == (
        404,
        {"code": "API003", "message": "not found", "hint": "/openapi.json lists every address."},
    )


@pytest.mark.parametrize("limit", ["0", "201", "many"])
def test_a_limit_out_of_bounds_is_refused(alice: httpx.Client, limit: str) -> None:
    status, found = problem(alice.get(f"{REPOSITORIES}/dags/events?limit={limit}"))

    assert (status, found["code"]) == (422, "API001")


def test_a_database_that_is_away_is_try_later(context: Context) -> None:
    away = Database("postgresql://windlass:s3cret@127.0.0.1:1/windlass")
    broken = replace(context, database=away)
    with client_of(api_over(broken)) as client:
        answer = client.get(REPOSITORIES, headers={"Authorization": f"Bearer {TOKEN}"})

    status, found = problem(answer)
    assert (status, found["code"], "s3cret" in answer.text) == (503, "DB001", False)


def test_a_registration_is_changed(
    alice: httpx.Client, body: dict[str, Any], context: Context, origin: Origin
) -> None:
    added(alice, body, context, origin)
    origin.git("push", "--quiet", "origin", "HEAD:stable")
    wanted = {"branch": "stable", "options": {"verdict_mode": "per_file"}}

    changed = alice.patch(f"{REPOSITORIES}/dags", json=wanted)

    assert changed.status_code == 200, changed.text
    found = changed.json()
    told = (found["name"], found["branch"], found["options"]["verdict_mode"])
    assert told == ("dags", "stable", "per_file")


def test_a_bug_of_ours_is_a_problem_without_a_traceback(
    alice: httpx.Client, context: Context
) -> None:
    context.database.close()
    object.__setattr__(context, "database", None)

    answer = alice.get(REPOSITORIES)

    assert problem(answer) == (
        500,
        {
            "code": "WIND001",
            "message": "Windlass failed with AttributeError, which is a bug",
            "hint": "Please report it with the API's log.",
        },
    )


@pytest.mark.parametrize(
    ("header", "actor"),
    [
        (None, "admin"),
        ("alice", "alice via admin"),
        ("Zo%C3%AB%20%0a%1b%5B2J", "Zoë \ufffd\ufffd[2J via admin"),
    ],
)
def test_a_change_is_the_tokens_with_the_name_that_the_caller_gives(
    alice: httpx.Client, context: Context, origin: Origin, header: str | None, actor: str
) -> None:
    origin.push("first", {"a.py": ""})

    auth = {"username": "ci", "password": PASSWORD}
    alice.headers.update({"X-Windlass-On-Behalf-Of": header} if header else {})
    alice.post(REPOSITORIES, json={"url": origin.url, "auth": auth}).raise_for_status()

    with context.database.transaction() as connection:
        assert [row.actor for row in list_audit(connection, limit=9)] == [actor]


def test_the_list_says_of_each_repository_what_its_own_address_says(
    alice: httpx.Client, context: Context, body: dict[str, Any], origin: Origin
) -> None:
    origin.push("first", {"a.py": "DAG('a')\n"})
    for name in ("one", "two"):
        alice.post(REPOSITORIES, json={**body, "name": name}).raise_for_status()
    origin.push("broken", {"a.py": "def\n"})
    with context.database.transaction() as connection:
        run_sync(context, get_repository(connection, "one"))

    listed = alice.get(REPOSITORIES).json()

    assert listed == [alice.get(f"{REPOSITORIES}/{name}").json() for name in ("one", "two")]
    assert [found["sync"]["state"] for found in listed] == ["denied", "new"]
