"""The path from a push to the pointer, on real git and a real database."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.conftest import (
    PASSWORD,
    Origin,
    clone_of,
    deployed_files,
    register,
    run_sync,
    status_of,
)
from windlass.database import tables as t
from windlass.database.artifacts import get_artifact, put_artifact
from windlass.database.claims import claim
from windlass.database.history import list_events
from windlass.database.releases import find_current
from windlass.database.repositories import claim_due, list_repository_names, take_lease
from windlass.database.status import list_releases
from windlass.domain.artifact import Artifact, Outline
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.finding import Severity
from windlass.domain.login import PasswordLogin
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import ArtifactMemory, Context
from windlass.engine.register import Registration, request_rollback
from windlass.engine.tick import repair_pointers
from windlass.engine.worker import handlers
from windlass.entrypoints.demo.gitserver import GitHttpServer

ORDERS = "from airflow.sdk import DAG\nwith DAG('orders'):\n    pass\n"
BROKEN = "from airflow.sdk import DAG\nwith DAG('orders'\n    pass\n"


def roll_back(context: Context, to: int | None = None) -> None:
    target = request_rollback(
        context, "dags", ReleaseId(to) if to else None, actor="alice", reason="wrong totals"
    )
    status = status_of(context)
    assert status.facts.deployed is not None
    handlers(context)["rollback"](
        status.repository.id,
        to=target,
        bad=status.facts.deployed.release_id,
        actor="alice",
        reason="wrong totals",
        should_abort=lambda: False,
    )


def test_a_push_becomes_a_release_that_the_pointer_names(
    context: Context, origin: Origin, registration: Registration
) -> None:
    sha = origin.push("first", {"orders.py": ORDERS, "sql/load.sql": "select 1"})
    repository = register(context, registration)

    run_sync(context, repository)

    assert deployed_files(context) == {"orders.py": ORDERS, "sql/load.sql": "select 1"}
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert (deployed.revision, deployed.state) == (sha, DeploymentState.PUBLISHED)


def test_the_history_tells_every_step_in_order(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)

    run_sync(context, repository)

    with context.database.transaction() as connection:
        tags = [event.tag for event in list_events(connection, repository.id, 50)]
    assert tags == [
        "repository:added",
        "revision:noticed",
        "revision:fetched",
        "verdict:allowed",
        "release:published",
        "sync:ended",
    ]


def test_a_broken_push_is_denied_with_its_finding_and_the_old_files_stay(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("oops", {"orders.py": BROKEN})

    run_sync(context, repository)

    assert deployed_files(context) == {"orders.py": ORDERS}
    facts = status_of(context).facts
    assert sync_state(facts)[0] is SyncState.DENIED
    found = [(f.code, f.severity, f.place) for f in facts.findings]
    assert found == [("SYN001", Severity.CRITICAL, "orders.py:2:9")]


def test_syncing_twice_changes_nothing(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    before = status_of(context).facts.deployed

    run_sync(context, repository)

    assert status_of(context).facts.deployed == before


def test_a_commit_that_changes_no_file_makes_no_release(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("empty", {})

    run_sync(context, repository)

    with context.database.transaction() as connection:
        assert len(list_releases(connection, repository.id, 10)) == 1


def test_what_newer_checks_say_of_files_that_stay_is_kept(
    context: Context, origin: Origin, registration: Registration
) -> None:
    """The next revision takes over from there what it does not read again."""
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    with context.database.transaction() as connection:
        release = find_current(connection, repository.id)
        assert release is not None
        told = get_artifact(connection, release.artifact_digest)
        older = {path: replace(entry, outline=Outline()) for path, entry in told.files.items()}
        put_artifact(connection, Artifact(older))
        connection.execute(sa.update(t.verdict).values(checks="those of an older Windlass"))

    origin.push("second", {})
    run_sync(replace(context, artifacts=ArtifactMemory()), repository)

    with context.database.transaction() as connection:
        assert get_artifact(connection, release.artifact_digest).files == told.files


def test_only_what_changed_gets_a_new_inode(
    context: Context, origin: Origin, registration: Registration
) -> None:
    files = {
        "uses.py": "import helper\nfrom airflow.sdk import DAG\nDAG('uses')\n",
        "other.py": "from airflow.sdk import DAG\nDAG('other')\n",
        "helper.py": "X = 1\n",
    }
    origin.push("first", dict(files))
    repository = register(context, registration)
    run_sync(context, repository)
    first = context.store.tree(context.store.read_pointer("default", "one") or ReleaseId(0))
    origin.push("helper", {"helper.py": "X = 2\n"})

    run_sync(context, repository)

    second = context.store.tree(context.store.read_pointer("default", "one") or ReleaseId(0))
    shared = {p.name: p.samefile(first / p.name) for p in second.iterdir()}
    assert shared == {"uses.py": False, "other.py": True, "helper.py": False}
    newer = [(second / n).stat().st_mtime_ns - (first / n).stat().st_mtime_ns for n in files]
    assert [difference > 0 for difference in newer] == [True, False, True]
    assert (second / "uses.py").stat().st_mode & 0o7777 == 0o444


def test_a_rollback_is_a_new_release_with_the_old_content_and_holds(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("good", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("bad", {"orders.py": ORDERS + "# bad\n"})
    run_sync(context, repository)

    roll_back(context)
    run_sync(context, repository)  # what the next poll asks for

    assert deployed_files(context) == {"orders.py": ORDERS}
    with context.database.transaction() as connection:
        releases = list_releases(connection, repository.id, 10)
    told = [(r.id, r.content_of, r.is_current, r.quarantine_reason) for r in releases]
    assert told == [
        (3, 1, True, None),
        (2, None, False, "wrong totals"),
        (1, None, False, None),
    ]
    assert sync_state(status_of(context).facts)[0] is SyncState.HELD


def test_after_a_rollback_the_next_good_push_goes_live(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("good", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("bad", {"orders.py": ORDERS + "# bad\n"})
    run_sync(context, repository)
    roll_back(context)
    origin.push("better", {"orders.py": ORDERS + "# better\n"})

    run_sync(context, repository)

    assert deployed_files(context) == {"orders.py": ORDERS + "# better\n"}


def test_rolling_back_twice_to_the_same_release_is_refused_with_the_reason(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("good", {"orders.py": ORDERS})
    run_sync(context, register(context, registration))

    with pytest.raises(Conflict) as refused:
        roll_back(context, to=1)

    assert str(refused.value) == "REL004 release #1 is deployed already"


def test_a_git_host_that_is_away_leaves_everything_live_and_says_so(
    context: Context, origin: Origin, registration: Registration, git_server: GitHttpServer
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    git_server.offline()

    run_sync(context, repository)

    assert deployed_files(context) == {"orders.py": ORDERS}
    state, reason = sync_state(status_of(context).facts)
    assert (state, reason[:6]) == (SyncState.BEHIND, "GIT006")


def test_a_worker_that_lost_its_lease_publishes_nothing(
    context: Context, origin: Origin, registration: Registration, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)

    def steal() -> bool:
        with context.database.transaction() as connection:
            take_lease(connection, repository.id)
        return False

    handlers(context)["sync"](repository.id, should_abort=steal)

    assert deployed_files(context) == {}


def test_a_wrong_password_is_refused_before_anything_is_stored(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})

    with pytest.raises(Invalid) as refused:
        register(context, registration, login=PasswordLogin("ci", "wrong"))

    assert refused.value.code == "GIT002"
    with context.database.transaction() as connection:
        assert list_repository_names(connection) == []


def test_the_password_is_nowhere_on_disk_in_clear(
    context: Context, origin: Origin, registration: Registration, room: os.PathLike[str]
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(context, register(context, registration))

    folders = (context.store.root, context.mirrors)
    holding = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert holding == []


@pytest.fixture
def rival(git_server: GitHttpServer, room: Path) -> Origin:
    """Another team's repository on the same server."""
    git_server.create_repository("rival/dags", private=True)
    return clone_of(git_server, "rival/dags", room / "rival")


def test_a_dag_id_stays_with_the_repository_that_had_it_first(
    context: Context, origin: Origin, registration: Registration, rival: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(context, register(context, registration))
    rival.push("me too", {"mine.py": ORDERS})

    run_sync(context, register(context, registration, url=rival.url, name="rival"))

    facts = status_of(context, "rival").facts
    assert [str(f.place) + ": " + f.message for f in facts.findings] == [
        "mine.py: the dag_id 'orders' belongs to the repository 'dags' (its file orders.py)"
    ]
    assert deployed_files(context, "two") == {}


def test_a_dag_id_that_is_given_up_goes_to_the_repository_that_was_denied_for_it(
    context: Context, origin: Origin, registration: Registration, rival: Origin
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    first = register(context, registration)
    run_sync(context, first)
    rival.push("me too", {"mine.py": ORDERS})
    second = register(context, registration, url=rival.url, name="rival")
    run_sync(context, second)
    origin.push("gone", {"orders.py": None, "README.md": "moved"})
    run_sync(context, first)

    run_sync(context, second)  # what the next poll asks for

    assert deployed_files(context, "two") == {"mine.py": ORDERS}


def test_one_dag_id_in_two_files_is_denied(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"a.py": ORDERS, "b.py": ORDERS})

    run_sync(context, register(context, registration))

    found = [(f.code, f.path) for f in status_of(context).facts.findings]
    assert found == [("STR002", "b.py")]


def test_a_worker_that_dies_before_it_noted_the_flip_leaves_it_to_the_tick(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE deployment SET state = 'pending'"))

    repair_pointers(context)

    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.state is DeploymentState.PUBLISHED


def test_a_pointer_that_was_lost_is_written_again_by_the_tick(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(context, register(context, registration))
    context.store.pointer("default", "one").unlink()

    repaired = repair_pointers(context)

    assert (repaired, deployed_files(context)) == (1, {"orders.py": ORDERS})


def test_a_rollback_to_a_release_whose_tree_is_gone_makes_its_files_again(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("good", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("bad", {"orders.py": ORDERS + "# bad\n"})
    run_sync(context, repository)
    shutil.rmtree(context.store.tree(ReleaseId(1)))

    roll_back(context)

    with context.database.transaction() as connection:
        releases = list_releases(connection, repository.id, 10)
    told = [(r.id, r.quarantine_reason) for r in releases]
    assert told == [(3, None), (2, "wrong totals"), (1, None)]
    assert deployed_files(context) == {"orders.py": ORDERS}


def test_a_second_rollback_is_refused_while_one_waits(
    context: Context, origin: Origin, registration: Registration
) -> None:
    for word in ("one", "two", "three"):
        origin.push(word, {"orders.py": ORDERS + f"# {word}\n"})
        if word == "one":
            repository = register(context, registration)
        run_sync(context, repository)
    request_rollback(context, "dags", ReleaseId(2), actor="alice", reason="first")

    with pytest.raises(Conflict) as refused:
        request_rollback(context, "dags", ReleaseId(1), actor="bob", reason="second")

    assert refused.value.message == "a rollback of 'dags' is waiting already"


def test_a_rollback_spares_a_release_that_came_after_it_was_asked_for(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("good", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("bad", {"orders.py": ORDERS + "# bad\n"})
    run_sync(context, repository)
    bad = ReleaseId(2)
    origin.push("mended", {"orders.py": ORDERS + "# mended\n"})
    run_sync(context, repository)

    handlers(context)["rollback"](
        repository.id, to=1, bad=bad, actor="alice", reason="bad", should_abort=lambda: False
    )

    assert deployed_files(context) == {"orders.py": ORDERS + "# mended\n"}
    failure = status_of(context).facts.failure
    assert failure is not None
    assert failure.message == ("release #2 was to be rolled back, but #3 has taken its place")


@pytest.mark.parametrize("content", ["garbage", "", '{"release": "abc"}', "[]"])
def test_a_broken_pointer_is_written_again_and_holds_up_nothing(
    context: Context, origin: Origin, registration: Registration, content: str
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    run_sync(context, register(context, registration))
    context.store.pointer("default", "one").write_text(content)
    context.store.pointer("default", "two").write_text(content)

    repair_pointers(context)

    assert deployed_files(context) == {"orders.py": ORDERS}
    assert context.store.points_to("default", "two", None)


def test_a_pointer_ahead_of_the_database_is_told_and_never_lowered(
    context: Context, origin: Origin, registration: Registration
) -> None:
    context.store.write_pointer("default", "one", ReleaseId(999))
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)

    run_sync(context, repository)

    failure = status_of(context).facts.failure
    assert failure is not None
    assert failure.code == "STORE005"
    assert context.store.read_pointer("default", "one") == 999


def test_a_host_that_is_back_clears_the_failure_though_nothing_is_new(
    context: Context, origin: Origin, registration: Registration, git_server: GitHttpServer
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration)
    run_sync(context, repository)
    git_server.offline()
    run_sync(context, repository)
    git_server.online()

    run_sync(context, repository)

    assert status_of(context).facts.failure is None


def test_a_sync_that_was_cut_short_is_due_again_at_once(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"orders.py": ORDERS})
    repository = register(context, registration, sync_interval="24h")
    with context.database.transaction() as connection:
        claim_due(connection, 10)

    run_sync(context, repository, should_abort=True)

    with context.database.transaction() as connection:
        due = claim_due(connection, 10)
    assert [one.repository.name for one in due] == ["dags"]


def test_any_number_of_dag_ids_is_claimed_in_one_go(
    context: Context, origin: Origin, registration: Registration
) -> None:
    repository = register_with_push(context, origin, registration)
    ids = [f"dag_{number}" for number in range(70_000)]  # more than a statement has parameters

    with context.database.transaction() as connection:
        claim(connection, repository, ids)
        found = connection.execute(sa.text("SELECT count(*) FROM dag_claim")).scalar_one()

    assert found == 70_000


def register_with_push(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": ORDERS})
    return register(context, registration)
