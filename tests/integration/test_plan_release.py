"""Plans that the server makes: of what waits for approval, and what an approval of one refuses."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Origin, register, run_sync
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.strange import Strange
from tests.integration.test_approval import (
    TWO,
    dags,  # noqa: F401
    propose,
    run_deploy,
    set_options,
    waiting,
)
from windlass.database import tables as t
from windlass.database.plans import find_plan
from windlass.database.releases import get_release
from windlass.domain.errors import Conflict, NotFound
from windlass.domain.finding import Severity
from windlass.domain.options import Options
from windlass.domain.policy import Policy
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.plan_binding import find_planned
from windlass.engine.plan_release import plan_between, plan_shown, plan_waiting
from windlass.engine.register import Registration
from windlass.engine.review import approve
from windlass.sandbox.importer import Importer, Limits
from windlass.targets.airflow import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("TEST_AIRFLOW_PYTHON", ROOT / ".venv-airflow" / "bin" / "python"))
DAILY = "from airflow.sdk import DAG\ndag = DAG('orders', schedule='0 3 * * *')\n"


def planned(context: Context, release: ReleaseId) -> dict[str, Any]:
    with context.database.transaction() as connection:
        stored = find_plan(connection, release)
    assert stored is not None
    return dict(stored.content)


def test_what_waits_for_approval_has_a_plan_that_binds_what_its_approval_binds(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    release = propose(context, origin, dags, DAILY)

    plan = planned(context, release)

    assert plan["about"]["base"]["release"] == 1
    assert plan["about"]["head"]["release"] == release
    assert plan["binds"] == {"base_release": 1, "policy": context.ruling_of(dags).digest}
    assert [(one["dag_id"], one["what"]) for one in plan["dags"]] == [("orders", "changed")]
    assert plan["dags"][0]["fields"] == [{"name": "schedule", "new": "0 3 * * *"}]


def test_the_plan_of_a_release_is_made_once_and_stays(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    release = propose(context, origin, dags, DAILY)
    before = planned(context, release)["digest"]

    set_options(context, Options(auto_deploy=False, import_check=False))
    run_sync(context, dags)

    assert planned(context, release)["digest"] == before


def test_an_approval_by_its_plan_is_one(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    release = propose(context, origin, dags, TWO)
    digest = planned(context, release)["digest"]

    approve(context, "dags", release, reason="x", actor="alice", plan=digest[:12])

    assert waiting(context, dags) == []


def refused(context: Context, release: ReleaseId, digest: str) -> Conflict:
    with pytest.raises(Conflict) as told:
        approve(context, "dags", release, reason="x", actor="alice", plan=digest)
    return told.value


def test_an_approval_by_the_plan_of_another_content_is_refused(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    first = propose(context, origin, dags, TWO)
    second = propose(context, origin, dags, DAILY)

    error = refused(context, second, planned(context, first)["digest"])

    assert (error.code, error.message.partition(": ")[2]) == (
        "PLAN006",
        f"it was of release #{first}, whose content is another",
    )
    assert waiting(context, dags) == [first, second]


def test_an_approval_by_a_plan_whose_base_has_moved_says_so(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    first = propose(context, origin, dags, TWO)
    seen = planned(context, propose(context, origin, dags, DAILY))["digest"]
    approve(context, "dags", first, reason="x", actor="alice")
    run_deploy(context, dags, first)
    run_sync(context, dags)
    (again,) = waiting(context, dags)

    error = refused(context, ReleaseId(again), seen)

    words = f"what it replaces was #1, and is #{first}"
    assert (error.code, error.message.partition(": ")[2]) == ("PLAN006", words)


def test_an_approval_by_a_plan_of_another_policy_says_so(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    seen = planned(context, propose(context, origin, dags, DAILY))["digest"]
    stricter = replace(context, policy=Policy(Severity.LOW))
    run_sync(stricter, dags)
    (again,) = waiting(stricter, dags)

    error = refused(stricter, ReleaseId(again), seen)

    assert error.message.partition(": ")[2] == "the release policy has changed"


def test_a_digest_of_no_plan_is_refused(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    release = propose(context, origin, dags, TWO)

    assert "nobody here made a plan" in refused(context, release, "0" * 64).message
    with pytest.raises(NotFound, match="no plan that was made here begins") as told:
        find_planned(context, "0" * 64)
    assert told.value.code == "PLAN008"


def test_a_plan_that_cannot_be_made_costs_nothing_but_itself_and_comes_later(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
) -> None:
    nowhere = Importer(Path("/nonexistent/python"))
    set_options(context, Options(auto_deploy=False, import_check=False))
    release = propose(context, origin, dags, TWO)
    with context.database.transaction() as connection:
        connection.execute(t.plan.delete())
        base = get_release(connection, dags.id, ReleaseId(1))
        made = get_release(connection, dags.id, release)
    set_options(context, Options(auto_deploy=False))

    plan_waiting(replace(context, importer=nowhere), dags, made, base)
    assert refused(context, release, "0" * 64).code == "PLAN007"
    with pytest.raises(NotFound) as told:
        plan_shown(context, "dags", release)
    assert told.value.code == "PLAN010"

    run_sync(context, dags)
    assert planned(context, release)["about"]["head"]["release"] == release


def test_two_revisions_are_planned(context: Context, origin: Origin, dags: Repository) -> None:  # noqa: F811
    propose(context, origin, dags, DAILY)
    head = origin.push("more", {"other.py": "from airflow.sdk import DAG\ndag = DAG('other')\n"})
    run_sync(context, dags)

    whole = plan_between(context, "dags", None, None)
    step = plan_between(context, "dags", "#2", head[:8])

    assert [(one["dag_id"], one["what"]) for one in whole["dags"]] == [
        ("orders", "changed"),
        ("other", "added"),
    ]
    assert [(one["dag_id"], one["what"]) for one in step["dags"]] == [("other", "added")]
    assert step["about"]["base"]["release"] == 2
    assert step["about"]["head"] == {"revision": head, "shown": head[:7]}


@pytest.mark.parametrize("name", ["0" * 40, "main", "--output=x", "HEAD"])
def test_a_commit_that_is_not_here_is_told(
    context: Context,
    dags: Repository,  # noqa: F811
    name: str,
) -> None:
    with pytest.raises(NotFound) as told:
        plan_between(context, dags.name, None, name)

    assert told.value.code == "PLAN009"


def answers(path: str, body: Any) -> Any:
    if path.endswith("/dagRuns/list"):
        assert body["dag_ids"] == ["orders"]
        return {"dag_runs": [{"dag_id": "orders", "dag_run_id": "r1"}], "total_entries": 1}
    row = {"dag_id": "orders", "bundle_name": "one", "is_stale": False, "is_paused": False}
    row |= {"relative_fileloc": "orders.py", "file_token": "x", "last_parsed_time": None}
    return {**row, "next_dagrun_run_after": "2030-01-01T00:00:00Z", "bundle_version": "1"}


def test_runs_in_flight_and_next_runs_are_those_of_now(
    context: Context,
    origin: Origin,
    dags: Repository,  # noqa: F811
    strange: Strange,
) -> None:
    release = propose(context, origin, dags, DAILY)
    strange.answer = answers
    airflow = AirflowClient(strange.url, "windlass", "x")

    told = plan_shown(replace(context, airflows={"default": airflow}), "dags", release)
    strange.answer = lambda *_: 500
    away = plan_shown(replace(context, airflows={"default": airflow}), "dags", release)

    assert told["circumstances"]["runs_in_flight"] == {"orders": ["r1"]}
    moved = told["circumstances"]["next_runs"]["orders"]
    assert moved["old"] == "2030-01-01T00:00:00+00:00"
    assert moved["new"].endswith("T03:00:00+00:00")
    assert away["circumstances"]["runs_in_flight"] is None
    assert away["circumstances"]["next_runs"] is None
    assert away["digest"] == told["digest"]


@pytest.fixture(scope="module")
def importer() -> Iterator[Importer]:
    made = Importer(PYTHON, limits=Limits(limit_s=120))
    yield made
    made.close()


ASSET = "from airflow.sdk import DAG, Asset\n"
MAKES = ASSET + (
    "from airflow.providers.standard.operators.empty import EmptyOperator\n"
    "with DAG('orders', schedule={}):\n"
    "    EmptyOperator(task_id='make', outlets=[Asset('s3://orders')])\n"
)


def test_dags_of_other_repositories_that_wait_for_an_asset_are_reached(
    context: Context, origin: Origin, registration: Registration, importer: Importer
) -> None:
    context = replace(context, importer=importer)
    waits = ASSET + "dag = DAG('report', schedule=[Asset('s3://orders')])\n"
    files: dict[str, str | None] = {
        "orders/orders.py": MAKES.format("None"),
        "finance/report.py": waits,
    }
    origin.push("first", files)
    run_sync(context, register(context, registration, name="finance", path="finance"))
    repository = register(context, registration, path="orders")
    run_sync(context, repository)
    set_options(context, Options(auto_deploy=False))
    origin.push("change", {"orders/orders.py": MAKES.format("'@daily'")})
    run_sync(context, repository)
    (release,) = waiting(context, repository)

    plan = planned(context, ReleaseId(release))

    assert plan["dags"][0]["fields"] == [{"name": "schedule", "old": "none", "new": "0 0 * * *"}]
    assert plan["reached"] == [
        {
            "dag_id": "report",
            "by": "orders",
            "through": "asset",
            "name": "s3://orders/",
            "repository": "finance",
        }
    ]


def test_plans_over_http(context: Context, origin: Origin, dags: Repository) -> None:  # noqa: F811
    release = propose(context, origin, dags, DAILY)
    digest = planned(context, release)["digest"]
    address = f"/api/v1/repositories/dags/releases/{release}"
    with client_of(api_over(context)) as alice:
        alice.headers["Authorization"] = f"Bearer {TOKEN}"
        plan = alice.get(f"{address}/plan")
        shown = alice.get(address).json()
        between = alice.post("/api/v1/repositories/dags/plan", json={})
        stale = alice.post(f"{address}/approve", json={"reason": "x", "plan": "0" * 12})
        wrong = alice.post(f"/api/v1/plans/{'0' * 12}/apply", json={"reason": "x"})
        done = alice.post(f"/api/v1/plans/{digest[:12]}/apply", json={"reason": "x"})

    assert (plan.status_code, plan.json()["digest"]) == (200, digest)
    assert shown["plan"] == {"digest": digest, "summary": plan.json()["summary"]}
    assert between.json()["dags"] == plan.json()["dags"]
    assert (stale.status_code, stale.json()["code"]) == (409, "PLAN006")
    assert (wrong.status_code, wrong.json()["code"]) == (404, "PLAN008")
    assert (done.status_code, done.json()) == (202, {"repository": "dags", "id": release})
    assert waiting(context, dags) == []
