"""A rollback is judged by the policy, the waivers and the inventory of the day on which it is asked
for; one that Windlass makes by itself is told and done."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync
from tests.integration.serving import TOKEN, api_over, client_of
from windlass.database import tables as t
from windlass.domain.inventory import Declared, Inventory, Listing
from windlass.domain.names import Kind
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.failure import ACTOR
from windlass.engine.register import Registration
from windlass.engine.ruling import PolicyMemory
from windlass.engine.worker import handlers

UNTAGGED = "from airflow.sdk import DAG\n\ndag = DAG('orders')\n"
TAGGED = "from airflow.sdk import DAG\n\ndag = DAG('orders', tags=['team:a'])\n"
WANTS_TAGS = "require: {tags: ['team:*']}\n"
ASKS = (
    "from airflow.sdk import DAG\nfrom airflow.sdk.bases.hook import BaseHook\n\n"
    "with DAG('orders', tags=['team:a']):\n    pass\n\n\n"
    "def load():\n    return BaseHook.get_connection('warehouse')\n"
)


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
    """Release 1 has no tags and release 2 has."""
    return released(context, origin, registration, UNTAGGED)


def released(
    context: Context, origin: Origin, registration: Registration, first: str
) -> Repository:
    """A repository whose release 1 has this DAG file, and release 2 one that is always good."""
    origin.push("first", {"orders.py": first})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("second", {"orders.py": TAGGED})
    run_sync(context, repository)
    return repository


def demand_tags(alice: httpx.Client, level: str = "") -> None:
    rules = f"rules: {{POL101: {level}}}\n" if level else ""
    answer = alice.put("/api/v1/policies/default", json={"text": WANTS_TAGS + rules})
    assert answer.status_code < 300


def ask(alice: httpx.Client, **more: Any) -> tuple[int, dict[str, Any]]:
    given = {"reason": "wrong totals", **more}
    answer = alice.post("/api/v1/repositories/dags/rollback", json=given)
    return answer.status_code, answer.json()


def run_rollback(context: Context, repository: Repository, actor: str = "alice") -> None:
    handlers(context)["rollback"](
        repository.id,
        to=ReleaseId(1),
        bad=ReleaseId(2),
        actor=actor,
        reason="wrong totals",
        should_abort=lambda: False,
    )


def warnings(context: Context) -> list[Any]:
    with context.database.transaction() as connection:
        told = sa.select(t.event.c.facts).where(t.event.c.tag == "rollback:denied")
        return [facts["reasons"] for facts in connection.execute(told).scalars()]


def test_what_today_denies_is_not_gone_back_to_unless_somebody_says_so(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    demand_tags(alice)
    status, refused = ask(alice)

    assert (status, refused["code"]) == (409, "REL017")
    assert "POL101 orders.py:3" in refused["message"]
    assert ask(alice, override=True) == (202, {"content_of": 1})
    newest = alice.get("/api/v1/audit").json()[0]
    assert newest["facts"]["after"] == {"content_of": 1, "overridden": ["POL101 orders.py:3"]}


def test_what_nobody_may_pass_is_not_gone_back_to_at_all(
    dags: Repository, alice: httpx.Client
) -> None:
    demand_tags(alice, "always")
    status, refused = ask(alice, override=True)

    assert (status, refused["code"]) == (409, "REL018")


def test_a_waiver_lets_go_back_and_what_is_allowed_needs_none(
    dags: Repository, alice: httpx.Client
) -> None:
    demand_tags(alice)
    waiver = {"rule": "POL101", "path": "**", "reason": "moves", "until": "2027-01-01"}
    assert alice.post("/api/v1/waivers", json=waiver).status_code == 201

    assert ask(alice) == (202, {"content_of": 1})


def test_a_rollback_by_windlass_itself_goes_on_and_is_told(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    demand_tags(alice, "always")
    run_rollback(context, dags, ACTOR)

    assert deployed_files(context) == {"orders.py": UNTAGGED}
    assert warnings(context) == [["POL101 orders.py:3"]]


def test_an_ordinary_rollback_is_told_of_nothing(
    context: Context, dags: Repository, alice: httpx.Client
) -> None:
    run_rollback(context, dags)

    assert (deployed_files(context), warnings(context)) == ({"orders.py": UNTAGGED}, [])


@pytest.mark.parametrize(
    "seen", [{}, {Kind.CONNECTION: Listing(frozenset(), problem="AIR001 away")}]
)
def test_an_airflow_that_is_away_makes_nothing_missing(
    context: Context,
    origin: Origin,
    registration: Registration,
    seen: dict[Kind, Listing],
) -> None:
    released(context, origin, registration, ASKS)
    stock = Inventory(Declared(), seen)
    away = replace(context, inventories={"default": stock})
    with client_of(api_over(away)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"

        assert ask(client)[0] == 202


def test_a_connection_that_is_gone_for_certain_denies(
    context: Context, origin: Origin, registration: Registration
) -> None:
    released(context, origin, registration, ASKS)
    complete = Inventory(Declared(complete=frozenset({Kind.CONNECTION})))
    gone = replace(context, inventories={"default": complete})
    with client_of(api_over(gone)) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        status, refused = ask(client)

    assert (status, refused["code"]) == (409, "REL017")
    assert "'warehouse'" in refused["message"]
