"""Release policies and waivers: who is judged by what, from when, and what people are told."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.sham import make_sham_airflow
from windlass.database import tables as t
from windlass.database.policies import unsettle_expired_comments
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.domain.waiver import today
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.ruling import PolicyMemory

ORDERS = "from airflow.sdk import DAG\n\ndag = DAG('orders'{})\n"
TAGGED = "require: {tags: ['team:*']}\napplies_to: {namespaces: [dags]}\n"
SOON = (today() + timedelta(days=5)).isoformat()


@pytest.fixture
def context(context: Context) -> Context:
    return replace(context, policies=PolicyMemory(remembered_s=0))


@pytest.fixture
def alice(context: Context) -> Iterator[httpx.Client]:
    with client_of(api_over(context)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A live repository whose DAG has no tags."""
    origin.push("first", {"orders.py": ORDERS.format("")})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


def set_policy(alice: httpx.Client, name: str, text: str) -> httpx.Response:
    return alice.put(f"/api/v1/policies/{name}", json={"text": text})


def waive(alice: httpx.Client, **says: Any) -> httpx.Response:
    given = {"rule": "POL101", "path": "**", "reason": "moves in May", "until": SOON, **says}
    return alice.post("/api/v1/waivers", json=given)


def judged(context: Context, dags: Repository) -> tuple[SyncState, list[str]]:
    """Where it is after another sync, and what was found: code, and how it is let pass."""
    run_sync(context, dags)
    facts = status_of(context).facts
    found = [f"{f.code} {f.excused.kind if f.excused else '-'}" for f in facts.findings]
    return sync_state(facts)[0], found


def test_a_policy_is_for_whom_it_names_and_judges_them_again(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    assert set_policy(alice, "community", TAGGED).json()["repositories"] == ["dags"]
    assert judged(context, dags) == (SyncState.DENIED, ["POL101 -"])

    other = TAGGED.replace("[dags]", "[other]")
    assert set_policy(alice, "community", other).json()["repositories"] == []
    assert judged(context, dags)[1] == []


def test_a_waiver_lets_pass_and_its_end_is_the_end_of_it(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    set_policy(alice, "community", TAGGED)
    made = waive(alice, repository="dags").json()

    assert judged(context, dags)[1] == ["POL101 waiver"]
    assert alice.get("/api/v1/waivers").json() == [made]
    alice.post(f"/api/v1/waivers/{made['id']}/end", json={"reason": "mended"})
    assert judged(context, dags) == (SyncState.DENIED, ["POL101 -"])


def test_it_is_told_before_a_waiver_ends_and_after_that_the_finding_counts(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    set_policy(alice, "community", TAGGED)
    waive(alice)
    run_sync(context, dags)

    [warning] = alice.get("/api/v1/repositories/dags").json()["warnings"]
    assert warning == "POL101 at orders.py:3 counts again in 5 days: moves in May"
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.waiver).values(until=date(2020, 1, 1)))
    assert judged(context, dags) == (SyncState.DENIED, ["POL101 -"])


def test_a_comment_that_expires_has_its_repository_judged_again(
    context: Context, origin: Origin, dags: Repository, alice: httpx.Client
) -> None:
    text = ORDERS.replace("\n\n", f'\n# windlass: ignore[POL104] reason="x" until={SOON}\n')
    set_policy(alice, "default", "require: {retries: 1}")
    origin.push("second", {"orders.py": text.format("")})
    assert judged(context, dags)[1] == ["POL104 inline"]

    def expired(day: date) -> int:
        with context.database.transaction() as connection:
            return unsettle_expired_comments(connection, day)

    assert [expired(today()), expired(today() + timedelta(days=6))] == [0, 1]
    assert expired(today() + timedelta(days=6)) == 0  # it is to be judged anyway


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"rule": "SYN001"}, "POL007"),
        ({"rule": "POL999"}, "POL012"),
        ({"path": "a" * 501}, "API001"),
        ({"until": "2999-01-01"}, "POL006"),
        ({"until": "2020-01-01"}, "POL006"),
        ({"repository": "nope"}, "REPO011"),
        ({"fingerprint": "short"}, "API001"),
    ],
)
def test_a_waiver_that_cannot_be_is_refused(
    alice: httpx.Client, says: dict[str, str], code: str
) -> None:
    assert waive(alice, **says).json()["code"] == code


def test_a_policy_that_is_not_understood_is_refused_with_every_place(alice: httpx.Client) -> None:
    answer = set_policy(alice, "default", "deny_at: hihg\nrules: {NOPE: deny}")

    assert (answer.status_code, answer.json()["code"]) == (422, "POL002")
    assert "1:10 FILE005" in answer.json()["message"]
    assert "2:9 FILE034" in answer.json()["message"]


def test_two_policies_cannot_be_for_the_same(alice: httpx.Client) -> None:
    set_policy(alice, "community", TAGGED)

    answer = set_policy(alice, "other", TAGGED)
    assert (answer.status_code, answer.json()["code"]) == (409, "POL003")


def test_what_people_do_to_policies_is_in_the_audit(context: Context, alice: httpx.Client) -> None:
    set_policy(alice, "default", "deny_at: medium")
    waive(alice)
    alice.post("/api/v1/waivers/1/end", json={"reason": "done"})
    alice.delete("/api/v1/policies/default")

    rows = alice.get("/api/v1/audit").json()
    told = [(row["action"], row["subject"]) for row in rows]
    assert sorted(told) == [
        ("finding:waived", "waiver/1"),
        ("policy:removed", "policy/default"),
        ("policy:set", "policy/default"),
        ("waiver:ended", "waiver/1"),
    ]


def test_a_waiver_is_part_of_what_a_repository_is_judged_by(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    before = context.inputs_of(dags)

    waive(alice, repository="dags")

    assert context.inputs_of(dags) != before


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "markdown", "html"])
def test_a_stored_report_has_every_format(
    context: Context, dags: Repository, alice: httpx.Client, form: str
) -> None:
    set_policy(alice, "community", TAGGED)
    run_sync(context, dags)

    answer = alice.get(f"/api/v1/repositories/dags/report?format={form}")
    assert answer.status_code == 200
    assert "POL101" in answer.text


def test_a_report_tells_what_is_new_and_what_is_gone(
    context: Context, origin: Origin, dags: Repository, alice: httpx.Client
) -> None:
    origin.push("second", {"aux.sql": "x"})
    run_sync(context, dags)
    origin.push("third", {"aux.sql": None, "nul.sql": "x"})
    run_sync(context, dags)

    told = alice.get("/api/v1/repositories/dags/report").json()
    [new] = [one for one in told["issues"] if one["fingerprint"] in told["new"]]
    assert (new["path"], [one["path"] for one in told["gone"]]) == ("nul.sql", ["aux.sql"])
    whole = alice.get("/api/v1/repositories/dags/releases/3").json()
    assert whole["findings_new"] == told["new"]
    assert [one["path"] for one in whole["findings_gone"]] == ["aux.sql"]


def test_a_revision_that_nobody_judged_has_no_report(dags: Repository, alice: httpx.Client) -> None:
    answer = alice.get("/api/v1/repositories/dags/report?revision=abcdef")

    assert (answer.status_code, answer.json()["code"]) == (404, "POL011")


def test_findings_of_all_repositories_are_listed_the_worst_first(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    set_policy(alice, "community", TAGGED)
    run_sync(context, dags)

    found = alice.get("/api/v1/findings?rule=POL101&denying=true").json()
    assert [(one["repository"], one["denies"]) for one in found] == [("dags", True)]
    assert alice.get("/api/v1/findings?rule=INT016").json() == []


def attempt(alice: httpx.Client, **says: str) -> dict[str, Any]:
    told: dict[str, Any] = alice.post("/api/v1/repositories/dags/try", json=says).json()
    return told


def test_a_policy_is_tried_on_what_is_deployed_and_changes_nothing(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    before = context.inputs_of(dags)
    told = attempt(alice, name="community", text=TAGGED)

    assert (told["release"], told["policy"], told["would_pass"]) == (1, "community", False)
    assert [one["code"] for one in told["issues"]] == ["POL101"]
    assert attempt(alice, name="other", text=TAGGED.replace("[dags]", "[other]"))["would_pass"]
    assert (context.inputs_of(dags), judged(context, dags)[1]) == (before, [])


def test_an_interpreter_is_tried_on_what_is_deployed(dags: Repository, alice: httpx.Client) -> None:
    told = attempt(alice, interpreter=sys.executable)
    assert [one["code"] for one in told["issues"]] == ["IMP010"]  # it has no Airflow
    assert attempt(alice, interpreter="/nonexistent/python")["code"] == "PY002"


def test_another_airflow_imports_what_is_deployed(
    context: Context, origin: Origin, dags: Repository, alice: httpx.Client, session_folder: Path
) -> None:
    session_folder.chmod(0o755)
    sham = make_sham_airflow(session_folder / "sham-to-try")
    assert attempt(alice, interpreter=str(sham))["would_pass"]

    origin.push("second", {"orders.py": ORDERS.format("") + "1 / 0\n"})
    run_sync(context, dags)
    told = attempt(alice, interpreter=str(sham))
    assert (told["release"], [one["code"] for one in told["issues"]]) == (2, ["IMP001"])
    assert told["imports"].startswith("1 DAG files imported (")


def test_of_a_repository_without_a_release_nothing_is_said(
    context: Context, origin: Origin, registration: Registration, alice: httpx.Client
) -> None:
    origin.push("first", {"orders.py": "def (\n"})
    run_sync(context, register(context, registration))

    told = attempt(alice, text="deny_at: low")
    assert (told["release"], told["would_pass"]) == (None, True)
