"""Airflow forgets the DAGs of a repository that is removed, where somebody wished that."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync
from tests.integration.strange import Strange
from tests.integration.test_holds import state, tags
from windlass.database import tables as t
from windlass.database.audit import list_newest_audit
from windlass.database.claims import count_claims
from windlass.database.history import list_events
from windlass.database.removals import list_removed
from windlass.database.repositories import list_repository_names
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.options import OnRemoval, Options
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change, plan_removal, remove
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.targets.airflow import AirflowClient

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"


@dataclass
class Rows:
    """Airflow's rows of DAGs: dag_id → (its bundle, whether it is out of sight)."""

    dags: dict[str, tuple[str, bool]]
    statuses: dict[str, int] = field(default_factory=dict)
    may_delete: bool = True
    is_away: bool = False

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if self.is_away:
            return 503
        if path.endswith("/dagRuns/list"):
            return {"dag_runs": [], "total_entries": 0}
        rows = [
            {"dag_id": dag_id, "bundle_name": bundle, "is_stale": is_gone}
            for dag_id, (bundle, is_gone) in self.dags.items()
            if bundle == query["bundle_name"] and not (is_gone and query["exclude_stale"] == "true")
        ]
        return {"dags": rows, "total_entries": len(rows)}

    def delete(self, dag_id: str) -> int:
        if self.is_away:
            return 503
        if not self.may_delete:
            return 403
        if status := self.statuses.get(dag_id):
            return status
        return 204 if self.dags.pop(dag_id, None) else 404


@pytest.fixture
def rows(strange: Strange) -> Rows:
    """An Airflow that has `orders` out of sight, and that of another bundle."""
    rows = Rows({"orders": ("one", True), "elsewhere": ("two", True)})
    strange.answer, strange.delete = rows.answer, rows.delete
    return rows


@pytest.fixture
def context(context: Context, strange: Strange) -> Context:
    """The context with that Airflow."""
    return replace(context, airflows={"default": AirflowClient(strange.url, "windlass", "x")})


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration, rows: Rows) -> Repository:
    """A repository with one release in the bundle `one`."""
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


def is_there(context: Context) -> list[str]:
    with context.database.transaction() as connection:
        return list_repository_names(connection)


def deleted(context: Context) -> int | None:
    with context.database.transaction() as connection:
        return list_removed(connection, 1)[0].deleted_dags


def test_airflow_forgets_what_it_had_of_the_repository_and_nothing_else(
    context: Context, rows: Rows, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context)

    assert rows.dags == {"elsewhere": ("two", True)}
    assert (is_there(context), deleted(context)) == ([], 1)
    assert tags(context, dags)[-6:] == [
        "repository:removing",
        "repository:unbound",
        "dags:deleting",
        "dags:deleted",
        "repository:removed",
        "bundle:freed",
    ]


def test_without_the_wish_airflow_keeps_everything(
    context: Context, rows: Rows, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")

    go_on_removing(context)

    assert rows.dags == {"orders": ("one", True), "elsewhere": ("two", True)}
    assert (is_there(context), deleted(context)) == ([], None)


def test_history_and_audit_name_the_dags_before_they_go(
    context: Context, rows: Rows, dags: Repository
) -> None:
    rows.statuses["orders"] = 409
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context)
    go_on_removing(context)

    with context.database.transaction() as connection:
        events = [e.facts for e in list_events(connection, dags.id, 50) if e.tag == "dags:deleting"]
        audit = [(a.actor, a.action, a.facts) for a in list_newest_audit(connection, limit=2)]
    assert events == [{"dag_ids": ["orders"]}]
    assert audit == [
        ("alice", "dags:deleted", {"dag_ids": ["orders"]}),
        ("alice", "repository:removed", {"reason": "merged", "delete_dags": True}),
    ]


def test_nothing_is_deleted_while_airflow_still_shows_a_dag(
    context: Context, rows: Rows, dags: Repository
) -> None:
    rows.dags["orders"] = ("one", False)
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context, unseen_s=0.0)

    assert "orders" in rows.dags
    assert state(context)[1] == "by alice; waits for Airflow, which shows orders"


def test_an_airflow_that_is_away_is_waited_for_and_the_ids_stay_claimed(
    context: Context, rows: Rows, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)
    rows.is_away = True
    go_on_removing(context, unseen_s=0.0)
    with context.database.transaction() as connection:
        assert count_claims(connection, dags.id) == 1

    rows.is_away = False
    go_on_removing(context)

    assert (is_there(context), "orders" in rows.dags) == ([], False)


def test_a_dag_with_a_task_that_runs_is_waited_for_and_the_others_go(
    context: Context, rows: Rows, dags: Repository
) -> None:
    rows.statuses["orders"] = 409
    rows.dags["before"] = ("one", True)
    seen(context, dags, "before")
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context)

    assert sorted(rows.dags) == ["elsewhere", "orders"]
    assert "AIR009 Airflow does not delete the DAG 'orders' while" in state(context)[1]
    del rows.statuses["orders"]
    go_on_removing(context)
    assert (sorted(rows.dags), deleted(context)) == (["elsewhere"], 2)


def seen(context: Context, repository: Repository, dag_id: str) -> None:
    """Airflow showed the id from this repository once, and it is gone."""
    with context.database.transaction() as connection:
        environment_id = connection.execute(sa.select(t.environment.c.id)).scalar_one()
        row = {"environment_id": environment_id, "dag_id": dag_id, "path": "before.py"}
        query = sa.insert(t.observed_dag).values(**row, repository_id=repository.id)
        connection.execute(query.values(gone_at=sa.func.now()))


def test_an_id_that_another_repository_owns_by_now_stays(
    context: Context, rows: Rows, dags: Repository, registration: Registration
) -> None:
    rows.dags["before"] = ("one", True)
    seen(context, dags, "before")
    other = register(context, registration, name="other")
    with context.database.transaction() as connection:
        environment_id = connection.execute(sa.select(t.environment.c.id)).scalar_one()
        row = {"environment_id": environment_id, "dag_id": "before"}
        connection.execute(sa.insert(t.dag_claim).values(**row, repository_id=other.id))
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context)

    assert sorted(rows.dags) == ["before", "elsewhere"]


def test_more_than_a_handful_go_in_turns(context: Context, rows: Rows, dags: Repository) -> None:
    for number in range(60):
        rows.dags[f"d{number}"] = ("one", True)
        seen(context, dags, f"d{number}")
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    go_on_removing(context)

    assert (len(rows.dags), is_there(context)) == (12, ["dags"])
    assert state(context)[1] == "by alice; waits for 11 more DAGs to be deleted"
    go_on_removing(context)
    assert (sorted(rows.dags), deleted(context)) == (["elsewhere"], 61)


def test_a_user_who_may_not_delete_is_told_before_anything_changes(
    context: Context, rows: Rows, dags: Repository
) -> None:
    rows.may_delete = False

    with pytest.raises(Invalid, match="REPO024 the user 'windlass' may not delete DAGs"):
        remove(context, "dags", reason="merged", actor="alice", delete_dags=True)

    assert state(context)[0] != "removing"


def test_without_an_airflow_there_is_nothing_to_delete_in(
    context: Context, dags: Repository
) -> None:
    with pytest.raises(Invalid, match="REPO023"):
        remove(replace(context, airflows={}), "dags", reason="x", actor="alice", delete_dags=True)


def test_a_right_that_is_lost_on_the_way_is_told_and_the_dags_can_be_kept(
    context: Context, rows: Rows, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice", delete_dags=True)
    rows.may_delete = False
    go_on_removing(context)
    assert "AIR003" in state(context)[1]
    with pytest.raises(Conflict, match="REPO013"):
        remove(context, "dags", reason="again", actor="bob")

    remove(context, "dags", reason="no rights", actor="bob", delete_dags=False)
    go_on_removing(context)

    assert (is_there(context), "orders" in rows.dags) == ([], True)


def test_the_wish_can_come_while_the_repository_is_being_removed(
    context: Context, rows: Rows, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")

    remove(context, "dags", reason="for good", actor="bob", delete_dags=True)
    go_on_removing(context)

    assert (is_there(context), "orders" in rows.dags) == ([], False)
    with context.database.transaction() as connection:
        actions = [a.action for a in list_newest_audit(connection, limit=3)]
    assert actions == ["dags:deleted", "repository:removal_changed", "repository:removed"]


def test_the_option_says_what_follows_where_nobody_does(
    context: Context, rows: Rows, dags: Repository
) -> None:
    change(context, "dags", Change(options={"on_removal": "delete_dags"}), actor="alice")
    assert plan_removal(context, "dags").delete_dags
    assert Options().on_removal is OnRemoval.KEEP

    remove(context, "dags", reason="merged", actor="alice")
    go_on_removing(context)

    assert "orders" not in rows.dags
