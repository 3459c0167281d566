"""Changing, suspending and removing repositories while everything runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    Origin,
    clone_of,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from tests.integration.strange import Strange
from tests.integration.test_holds import state, tags
from windlass.database import tables as t
from windlass.database.claims import count_claims
from windlass.database.credentials import find_credential
from windlass.database.history import list_events
from windlass.database.removals import list_removed
from windlass.database.repositories import claim_due, get_past_repository, list_repository_names
from windlass.database.status import list_releases
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.events import Event
from windlass.domain.options import Options, VerdictMode
from windlass.domain.ref import Ref, RefChoice, RefKind
from windlass.domain.repository import Owner, Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine import lifecycle
from windlass.engine.context import Context
from windlass.engine.holds import hold
from windlass.engine.lifecycle import (
    Change,
    change,
    plan_removal,
    remove,
    resume,
    suspend,
)
from windlass.engine.register import Registration, ask_remote, request_rollback, request_sync
from windlass.engine.removal import go_on_removing
from windlass.engine.review import deploy_what_is_approved
from windlass.engine.tick import repair_pointers
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer
from windlass.git.access import Remote
from windlass.targets.airflow import AirflowClient

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"
TWO = ONE + "X = 2\n"


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with one release in the bundle `one`."""
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


@pytest.fixture
def watched(context: Context, strange: Strange) -> Context:
    """The context with an Airflow that says what `strange` is told to."""
    return replace(context, airflows={"default": AirflowClient(strange.url, "windlass", "x")})


def airflow(dags: list[str], runs: list[str]) -> Any:
    """An Airflow with these DAGs, and with active runs of these DAGs."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path.endswith("/dagRuns/list"):
            rows = [{"dag_id": one, "dag_run_id": "r1", "state": "running"} for one in runs]
            return {"dag_runs": rows, "total_entries": len(rows)}
        shown = dags if query.get("exclude_stale") == "true" else [*dags, *runs]
        return {"dags": [{"dag_id": one} for one in shown], "total_entries": len(shown)}

    return answer


def is_there(context: Context) -> list[str]:
    with context.database.transaction() as connection:
        return list_repository_names(connection)


def bundles(context: Context) -> list[tuple[str, int | None, bool]]:
    """Name, repository and whether it drains, of every bundle."""
    query = sa.select(
        t.bundle.c.name, t.bundle.c.repository_id, t.bundle.c.draining_at.is_not(None)
    )
    with context.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(t.bundle.c.name))]


# ------------------------------------------------------------------------------------- change


def test_another_branch_is_followed_at_once(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.git("checkout", "--quiet", "-b", "stable")
    (origin.clone / "orders.py").write_text(TWO)
    origin.git("commit", "--quiet", "-am", "stable")
    origin.git("push", "--quiet", "origin", "stable")

    stable = Change(refs={RefKind.BRANCH: "stable"})
    changed = change(context, "dags", stable, actor="alice")
    run_sync(context, changed)

    assert deployed_files(context) == {"orders.py": TWO}


def test_what_cannot_work_is_refused_before_anything_is_stored(
    context: Context, dags: Repository
) -> None:
    with pytest.raises(Invalid, match="GIT004"):
        change(context, "dags", Change(refs={RefKind.BRANCH: "gone"}), actor="alice")

    assert status_of(context).repository.ref.name == "main"


def test_everything_that_is_wrong_with_a_change_is_said_at_once(
    context: Context, dags: Repository
) -> None:
    wrong = Change(name="No", path="../x", sync_interval="0s", options={"auto_deply": True})

    with pytest.raises(Invalid) as caught:
        change(context, "dags", wrong, actor="alice")

    text = str(caught.value)
    assert [code for code in ("REPO001", "REPO002", "REPO004", "REPO014") if code in text] == [
        *("REPO001", "REPO002", "REPO004", "REPO014")
    ]
    assert 'Did you mean "auto_deploy"?' in text


def test_a_rename_keeps_bundle_history_and_pointer(context: Context, dags: Repository) -> None:
    renamed = change(context, "dags", Change(name="core"), actor="alice")
    run_sync(context, renamed)

    assert (renamed.id, is_there(context)) == (dags.id, ["core"])
    assert deployed_files(context) == {"orders.py": ONE}
    assert status_of(context, "core").bundle == "one"


def test_a_name_that_is_taken_is_refused(
    context: Context, dags: Repository, registration: Registration
) -> None:
    register(context, registration, name="other")

    with pytest.raises(Conflict, match="REPO010"):
        change(context, "other", Change(name="dags"), actor="alice")


def test_options_are_changed_by_name_and_the_others_stay(
    context: Context, dags: Repository
) -> None:
    change(context, "dags", Change(options={"priority": 7}), actor="alice")
    change(context, "dags", Change(options={"verdict_mode": "per_file"}), actor="alice")

    found = status_of(context).repository.options
    assert found == Options(priority=7, verdict_mode=VerdictMode.PER_FILE)


def test_a_change_is_told_with_what_changed(context: Context, dags: Repository) -> None:
    change(context, "dags", Change(sync_interval="5m"), actor="alice")
    change(context, "dags", Change(sync_interval="5m"), actor="alice")

    with context.database.transaction() as connection:
        events = list_events(connection, dags.id, 100)
        audit = connection.execute(sa.select(t.audit.c.action, t.audit.c.facts)).all()
    told = [event.facts for event in events if event.tag == Event.REPOSITORY_CHANGED]
    assert told == [{"actor": "alice", "changed": ["sync_interval_s"]}]
    sides = {"before": {"sync_interval_s": 60}, "after": {"sync_interval_s": 300}}
    assert tuple(audit[-1]) == ("repository:changed", sides)


def test_a_sync_that_runs_during_a_change_publishes_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})

    def change_meanwhile() -> bool:
        if not changed:
            changed.append(change(context, "dags", Change(sync_interval="5m"), actor="alice"))
        return False

    changed: list[Repository] = []
    handlers(context)["sync"](dags.id, should_abort=change_meanwhile)

    assert deployed_files(context) == {"orders.py": ONE}


def test_two_changes_at_one_moment_lose_neither(
    context: Context, origin: Origin, dags: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_while_asked(context, monkeypatch, Change(options={"priority": 7}))
    origin.git("push", "--quiet", "origin", "HEAD:stable")

    change(context, "dags", Change(refs={RefKind.BRANCH: "stable"}), actor="alice")

    found = status_of(context).repository
    assert (found.ref.name, found.options) == ("stable", Options(priority=7))


def test_a_remote_that_changed_while_another_one_was_asked_is_not_overwritten(
    context: Context, origin: Origin, dags: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Change(url=dags.url.replace("dags", "other"))
    change_while_asked(context, monkeypatch, elsewhere)

    with pytest.raises(Conflict, match="REPO019"):
        change(context, "dags", Change(refs={RefKind.BRANCH: "stable"}), actor="alice")

    assert status_of(context).repository.ref.name == "main"


def test_what_the_file_took_over_while_the_remote_was_asked_stays_the_files(
    context: Context, origin: Origin, dags: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_over(remote: Remote) -> tuple[Ref, RefChoice]:
        with context.database.transaction() as connection:
            connection.execute(sa.update(t.repository).values(owner=Owner.FILE))
        return ask_remote(remote)

    monkeypatch.setattr(lifecycle, "ask_remote", take_over)
    origin.git("push", "--quiet", "origin", "HEAD:stable")

    with pytest.raises(Conflict, match="REPO012"):
        change(context, "dags", Change(refs={RefKind.BRANCH: "stable"}), actor="alice")


def change_while_asked(context: Context, monkeypatch: pytest.MonkeyPatch, other: Change) -> None:
    """While the first remote is asked, somebody else makes another change."""

    def ask(remote: Remote) -> tuple[Ref, RefChoice]:
        monkeypatch.setattr(lifecycle, "ask_remote", lambda remote: (remote.ref, RefChoice.GIVEN))
        change(context, "dags", other, actor="bob")
        return remote.ref, RefChoice.GIVEN

    monkeypatch.setattr(lifecycle, "ask_remote", ask)


def test_a_repository_in_a_bundle_does_not_change_its_team(
    context: Context, dags: Repository
) -> None:
    with pytest.raises(Conflict, match="REPO020"):
        change(context, "dags", Change(options={"team": "sales"}), actor="alice")

    assert status_of(context).repository.options == Options()


def test_what_the_file_owns_is_not_changed_here(context: Context, dags: Repository) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(owner=Owner.FILE))

    for refused in (
        lambda: change(context, "dags", Change(path="x"), actor="alice"),
        lambda: remove(context, "dags", reason="x", actor="alice"),
    ):
        with pytest.raises(Conflict, match="REPO012"):
            refused()


# ------------------------------------------------------------------------------------ suspend


def test_a_suspended_repository_is_neither_polled_nor_synced(
    context: Context, origin: Origin, dags: Repository
) -> None:
    suspend(context, "dags", reason="host moves", actor="alice")
    origin.push("second", {"orders.py": TWO})
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.repository).values(next_poll_at=sa.func.now()))
        due = claim_due(connection, 10)
    run_sync(context, dags)

    assert due == []
    assert deployed_files(context) == {"orders.py": ONE}
    assert state(context) == (SyncState.SUSPENDED, "by alice: host moves")
    with pytest.raises(Conflict, match="REPO017 the repository 'dags' is suspended"):
        request_sync(context, "dags")


def test_a_suspended_repository_can_be_rolled_back(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)
    suspend(context, "dags", reason="incident", actor="alice")
    bad = status_of(context).facts.deployed
    assert bad is not None

    to = request_rollback(context, "dags", None, actor="alice", reason="bad")
    arguments = {"to": to, "bad": bad.release_id, "actor": "alice", "reason": "bad"}
    handlers(context)["rollback"](dags.id, **arguments, should_abort=lambda: False)

    assert deployed_files(context) == {"orders.py": ONE}


def test_a_resumed_repository_is_synced_at_once(
    context: Context, origin: Origin, dags: Repository
) -> None:
    suspend(context, "dags", reason="host moves", actor="alice")
    origin.push("second", {"orders.py": TWO})

    resume(context, "dags", actor="alice")
    run_sync(context, dags)

    assert deployed_files(context) == {"orders.py": TWO}
    assert tags(context, dags).count("repository:resumed") == 1


def test_suspending_and_resuming_twice_is_refused(context: Context, dags: Repository) -> None:
    suspend(context, "dags", reason="host moves", actor="alice")
    with pytest.raises(Conflict, match="REPO015"):
        suspend(context, "dags", reason="again", actor="bob")
    resume(context, "dags", actor="alice")
    with pytest.raises(Conflict, match="REPO016"):
        resume(context, "dags", actor="alice")


# ------------------------------------------------------------------------------------- remove


def test_a_removed_repository_leaves_its_history_and_nothing_else(
    context: Context, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")

    go_on_removing(context)

    assert is_there(context) == []
    assert deployed_files(context) == {}
    assert not (context.mirrors / f"{dags.id}.git").exists()
    assert bundles(context) == [("one", None, False), ("two", None, False)]
    with context.database.transaction() as connection:
        assert count_claims(connection, dags.id) == 0
        assert find_credential(connection, "dags") is None
        assert get_past_repository(connection, "dags").id == dags.id
        assert len(list_releases(connection, dags.id, 10)) == 1
        (past,) = list_removed(connection, 10)
    assert (past.name, past.removed_by, past.reason) == ("dags", "alice", "merged")
    assert tags(context, dags)[-4:] == [
        "repository:removing",
        "repository:unbound",
        "repository:removed",
        "bundle:freed",
    ]


def test_what_was_approved_for_a_removed_repository_is_asked_for_no_more(
    context: Context, dags: Repository
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.delete(t.deployment))
        asked = {"repository_id": dags.id, "release_id": 1, "policy_digest": ""}
        connection.execute(sa.insert(t.approval).values(state="approved", **asked))
    remove(context, "dags", reason="merged", actor="alice")

    go_on_removing(context)

    assert deploy_what_is_approved(context) == 0


def test_the_pointer_of_a_removed_repository_says_unbound_and_stays_so(
    context: Context, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")
    go_on_removing(context)

    assert repair_pointers(context) == 0
    assert context.store.points_to("default", "one", None)


def test_its_bundle_and_its_name_are_used_again_by_a_newer_release(
    context: Context, dags: Repository, registration: Registration
) -> None:
    remove(context, "dags", reason="again", actor="alice")
    go_on_removing(context)

    again = register(context, registration)
    run_sync(context, again)

    assert again.id != dags.id
    assert deployed_files(context) == {"orders.py": ONE}
    assert context.store.read_pointer("default", "one") == 2


def test_a_database_that_was_set_back_still_unbinds_nothing(
    context: Context, dags: Repository
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.bundle).values(release_id=None, repository_id=None))

    repair_pointers(context)

    assert deployed_files(context) == {"orders.py": ONE}


def test_active_runs_are_waited_for_before_the_bundle_is_unbound(
    watched: Context, strange: Strange, dags: Repository
) -> None:
    strange.answer = airflow(["orders"], ["orders"])
    remove(watched, "dags", reason="merged", actor="alice")

    go_on_removing(watched)

    assert deployed_files(watched) == {"orders.py": ONE}
    waits = "by alice; waits for 1 run: orders r1 to end"
    assert state(watched) == (SyncState.REMOVING, waits)


@pytest.mark.parametrize("drain", [None, timedelta(0)])
def test_without_time_to_drain_the_bundle_is_unbound_under_the_runs(
    watched: Context, strange: Strange, dags: Repository, drain: timedelta | None
) -> None:
    strange.answer = airflow([], ["orders"])
    remove(watched, "dags", reason="merged", actor="alice", drain=drain)

    go_on_removing(watched)

    assert deployed_files(watched) == {}
    assert is_there(watched) == []


def test_a_bundle_is_not_free_while_a_run_refers_to_it(
    watched: Context, strange: Strange, dags: Repository, registration: Registration
) -> None:
    strange.answer = airflow([], ["orders"])
    remove(watched, "dags", reason="merged", actor="alice", drain=None)
    go_on_removing(watched)
    again = register(watched, registration)
    run_sync(watched, again)

    assert bundles(watched) == [("one", dags.id, True), ("two", again.id, False)]
    strange.answer = airflow([], [])
    go_on_removing(watched)
    assert bundles(watched) == [("one", None, False), ("two", again.id, False)]


def test_its_ids_are_given_up_only_when_airflow_shows_none_of_its_dags(
    watched: Context, strange: Strange, dags: Repository
) -> None:
    strange.answer = airflow(["orders"], [])
    remove(watched, "dags", reason="merged", actor="alice")
    go_on_removing(watched)
    with watched.database.transaction() as connection:
        assert count_claims(connection, dags.id) == 1
    assert state(watched)[1] == "by alice; waits for Airflow, which shows orders"

    strange.answer = airflow([], [])
    go_on_removing(watched)

    with watched.database.transaction() as connection:
        assert count_claims(connection, dags.id) == 0


def test_an_airflow_that_is_away_keeps_the_bundle_and_not_the_removal(
    watched: Context, strange: Strange, dags: Repository
) -> None:
    strange.answer = lambda path, query: 503
    remove(watched, "dags", reason="merged", actor="alice", drain=None)
    go_on_removing(watched)
    assert is_there(watched) == ["dags"]

    go_on_removing(watched, unseen_s=0.0)

    assert is_there(watched) == []
    assert bundles(watched)[0] == ("one", dags.id, True)


def test_a_removal_that_is_cut_anywhere_goes_on_where_it_was(
    context: Context, dags: Repository, room: Any
) -> None:
    remove(context, "dags", reason="merged", actor="alice")
    broken = replace(context, store=replace(context.store, root=room / "away"))
    go_on_removing(broken)  # decided, and then the store was away
    assert deployed_files(context) == {"orders.py": ONE}
    assert "STORE003" in state(context)[1]

    go_on_removing(context)

    assert deployed_files(context) == {}
    assert tags(context, dags).count("repository:unbound") == 1
    go_on_removing(context)
    assert tags(context, dags).count("bundle:freed") == 1


def test_what_another_repository_was_denied_for_is_its_own_after_the_removal(
    context: Context, dags: Repository, git_server: GitHttpServer, registration: Registration
) -> None:
    git_server.create_repository("team/other", private=True)
    clone = clone_of(git_server, "team/other", context.mirrors.parent / "other")
    clone.push("first", {"orders.py": TWO})
    other = register(context, registration, url=clone.url)
    run_sync(context, other)
    assert state_of(context, "other") is SyncState.DENIED

    remove(context, "dags", reason="moved", actor="alice")
    go_on_removing(context)
    run_sync(context, other)

    assert deployed_files(context, "one") == {"orders.py": TWO}


def state_of(context: Context, name: str) -> SyncState:
    return sync_state(status_of(context, name).facts)[0]


def test_nothing_can_be_asked_of_a_repository_that_is_being_removed(
    context: Context, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")

    for refused in (
        lambda: request_sync(context, "dags"),
        lambda: hold(context, "dags", reason="x", actor="bob"),
        lambda: change(context, "dags", Change(path="x"), actor="bob"),
        lambda: suspend(context, "dags", reason="x", actor="bob"),
        lambda: remove(context, "dags", reason="x", actor="bob"),
    ):
        with pytest.raises(Conflict, match="REPO013 the repository 'dags' is being removed"):
            refused()


def test_a_job_that_waits_for_a_removed_repository_does_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    remove(context, "dags", reason="merged", actor="alice")
    go_on_removing(context)
    before = tags(context, dags)

    run_sync(context, dags)

    assert tags(context, dags) == before


def test_the_plan_says_what_will_happen_and_changes_nothing(
    watched: Context, strange: Strange, dags: Repository
) -> None:
    strange.answer = airflow(["orders"], ["orders"])

    plan = plan_removal(watched, "dags")

    found = (plan.name, plan.bundle, plan.release_id, plan.dag_ids, plan.runs)
    assert found == ("dags", "one", 1, 1, ("orders r1",))
    assert is_there(watched) == ["dags"]


# --------------------------------------------------------------------------------------- pool


def test_a_repository_of_a_team_gets_a_bundle_of_that_team(
    context: Context, dags: Repository, registration: Registration
) -> None:
    with context.database.transaction() as connection:
        query = sa.update(t.bundle).where(t.bundle.c.name == "two")
        connection.execute(query.values(team="ml"))
        connection.execute(sa.update(t.environment).values(options={"teams": {"ml": 1}}))
    register(context, registration, name="model")
    model = change(context, "model", Change(options={"team": "ml"}), actor="alice")
    with context.database.transaction() as connection:
        connection.execute(sa.delete(t.dag_claim))

    run_sync(context, model)

    assert status_of(context, "model").bundle == "two"


def test_a_used_up_pool_says_what_to_do(
    context: Context, dags: Repository, registration: Registration
) -> None:
    with context.database.transaction() as connection:
        query = sa.update(t.bundle).where(t.bundle.c.name == "two")
        connection.execute(query.values(team="ml"))
        connection.execute(sa.delete(t.dag_claim))
    other = register(context, registration, name="other")

    run_sync(context, other)

    failure = status_of(context, "other").facts.failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "DEP001",
        "no bundle is free in the environment 'default': all 1 for repositories of no team are "
        "in use",
    )
    assert failure.hint.startswith("Make more: windlass environment set default --bundles 2,")


def test_a_pool_that_fills_is_told(
    context: Context, dags: Repository, registration: Registration
) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.delete(t.dag_claim))
    other = register(context, registration, name="other")

    run_sync(context, other)

    with context.database.transaction() as connection:
        events = list_events(connection, other.id, 100)
    told = [event.facts for event in events if event.tag == Event.POOL_FILLING]
    assert [(one["bundle"], one["used"], one["total"]) for one in told] == [("two", 2, 2)]
