"""Credentials by name, over a real API and real git: stored once they open, never given back."""

from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.integration.conftest import PASSWORD, Origin, register, run_sync, status_of
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.test_declare import apply, names, problems_of, repositories
from windlass.database import tables as t
from windlass.domain.errors import Invalid
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change, remove
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing

ROOT = "/api/v1/credentials"


@pytest.fixture
def alice(context: Context) -> Any:
    with client_of(api_over(context)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def body(origin: Origin) -> dict[str, Any]:
    auth = {"username": "ci", "password": PASSWORD}
    return {"name": "company-git", "url": origin.url, "auth": auth}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_stored_credential_opens_a_repository_of_the_file(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    sha = origin.push("first", {"a.py": "x = 1\n"})
    assert alice.post(ROOT, json=body).status_code == 201

    item = {"name": "dags", "url": origin.url, "credential": "company-git"}
    apply(context, f"repositories: [{item}]\n")
    run_sync(context, repositories(context)[0])

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.revision == sha


def test_a_listing_tells_everything_but_the_secret(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    alice.post(ROOT, json=body)
    item = {"name": "dags", "url": origin.url, "credential": "company-git"}
    apply(context, f"repositories: [{item}]\n")

    answer = alice.get(ROOT)

    (found,) = answer.json()
    assert found == {
        "name": "company-git",
        "kind": "basic",
        "username": "ci",
        "host": "127.0.0.1",
        "public_key": None,
        "fingerprint": None,
        "created_at": found["created_at"],
        "changed_at": found["created_at"],
        "expires_on": None,
        "previous_until": None,
        "lies_in": None,
        "used_by": ["repository/dags"],
    }
    assert PASSWORD not in answer.text


def test_what_does_not_open_is_not_stored(alice: httpx.Client, body: dict[str, Any]) -> None:
    wrong = body | {"auth": {"username": "ci", "password": "wr0ng"}}

    answer = alice.post(ROOT, json=wrong)

    assert code_of(answer) == (422, "GIT002")
    assert "wr0ng" not in answer.text
    assert alice.get(ROOT).json() == []


def test_a_name_is_replaced_only_when_asked(alice: httpx.Client, body: dict[str, Any]) -> None:
    alice.post(ROOT, json=body)

    assert code_of(alice.post(ROOT, json=body)) == (409, "CRED020")
    assert alice.post(ROOT, json=body | {"replace": True}).status_code == 201


def test_a_used_credential_is_not_removed(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    alice.post(ROOT, json=body)
    item = {"name": "dags", "url": origin.url, "credential": "company-git"}
    apply(context, f"repositories: [{item}]\n")

    assert code_of(alice.delete(f"{ROOT}/company-git")) == (409, "CRED021")


def test_an_unused_credential_is_removed(alice: httpx.Client, body: dict[str, Any]) -> None:
    alice.post(ROOT, json=body)

    assert alice.delete(f"{ROOT}/company-git").json() == []
    assert code_of(alice.delete(f"{ROOT}/company-git")) == (404, "CRED022")


def test_every_change_is_audited_without_the_secret(
    alice: httpx.Client, context: Context, body: dict[str, Any]
) -> None:
    alice.post(ROOT, json=body)
    alice.post(ROOT, json=body | {"replace": True})
    alice.delete(f"{ROOT}/company-git")

    a = t.audit.c
    with context.database.transaction() as connection:
        rows = [tuple(r) for r in connection.execute(sa.select(a.action, a.facts).order_by(a.id))]
    facts = {"kind": "basic", "host": "127.0.0.1"}
    assert rows == [
        ("credential:added", facts),
        ("credential:changed", facts),
        ("credential:removed", {}),
    ]


def test_a_stored_credential_lets_many_repositories_in_and_outlives_them(
    alice: httpx.Client, context: Context, origin: Origin, body: dict[str, Any]
) -> None:
    origin.push("first", {})
    alice.post(ROOT, json=body)
    for name in ("a", "b"):
        given = {"name": name, "url": body["url"], "credential": "company-git"}
        assert alice.post("/api/v1/repositories", json=given).status_code == 201

    assert alice.get(ROOT).json()[0]["used_by"] == ["repository/a", "repository/b"]
    for name in ("a", "b"):
        remove(context, name, reason="over", actor="alice")
    go_on_removing(context)
    assert alice.get(ROOT).json()[0]["used_by"] == []


def test_a_repository_is_given_another_credential(
    alice: httpx.Client, body: dict[str, Any], origin: Origin
) -> None:
    origin.push("first", {})
    alice.post(ROOT, json=body)
    given = {"url": body["url"], "auth": body["auth"], "name": "dags"}
    assert alice.post("/api/v1/repositories", json=given).status_code == 201

    unknown = alice.patch("/api/v1/repositories/dags", json={"credential": "compnay-git"})
    changed = alice.patch("/api/v1/repositories/dags", json={"credential": "company-git"})

    assert unknown.json()["hint"] == 'Did you mean "company-git"?'
    assert changed.status_code == 200
    assert alice.get(ROOT).json()[0]["used_by"] == ["repository/dags"]


def test_a_file_cannot_send_a_credential_to_another_host(
    alice: httpx.Client, context: Context, body: dict[str, Any]
) -> None:
    alice.post(ROOT, json=body)
    item = {"name": "dags", "url": "https://evil.example/x", "credential": "company-git"}

    told = problems_of(apply(context, f"repositories: [{item}]\n"))

    assert told == [
        'windlass.yaml:1:16 FILE024 the credential "company-git" is for 127.0.0.1, and is not '
        "sent to evil.example"
    ]
    assert names(context) == []


def test_a_changed_url_does_not_carry_a_secret_to_another_host(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {})
    register(context, registration)

    with pytest.raises(Invalid) as refused:
        change(context, "dags", Change(url="https://evil.example/x"), actor="alice")

    assert refused.value.code == "CRED023"
    assert repositories(context)[0].url == origin.url


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", "/x")])
def test_charlie_who_has_no_token_gets_nothing(alice: httpx.Client, method: str, path: str) -> None:
    headers = {"Authorization": "Bearer guess"}

    answer = alice.request(method, ROOT + path, headers=headers)

    assert code_of(answer) == (401, "API002")
