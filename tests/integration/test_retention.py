"""Old history goes in batches; what is referred to stays, whatever its age."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.strange import Strange
from tests.integration.test_cleanup import in_store, refers_to
from tests.integration.test_sync import roll_back
from windlass.database import tables as t
from windlass.database.imports import find_imports, keep_imports
from windlass.database.measures import read_measures
from windlass.database.policies import add_waiver
from windlass.database.retention import FORGOTTEN
from windlass.domain.imported import Imported, ImportStatus
from windlass.domain.measures import ROWS_FORGOTTEN, Series
from windlass.domain.repository import Repository
from windlass.domain.waiver import Waiver, today
from windlass.engine.cleanup import clean_up
from windlass.engine.context import Context
from windlass.engine.explain import explain_dag
from windlass.engine.holds import hold
from windlass.engine.lifecycle import remove
from windlass.engine.policies import new_waiver
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.engine.retention import forget
from windlass.targets.airflow import AirflowClient

DAG = "from airflow.sdk import DAG\nwith DAG('a'):\n    pass\nV = {}\n"
AGE = timedelta(days=365)


@pytest.fixture
def watched(context: Context, client: AirflowClient, strange: Strange) -> Context:
    strange.answer = refers_to()
    return replace(context, airflows={"default": client})


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    """Four releases."""
    for number in range(4):
        origin.push(str(number), {"a.py": DAG.format(number)})
        if number == 0:
            repository = register(context, registration)
        run_sync(context, repository)
    return repository


def rows(context: Context, *tables: sa.Table) -> dict[str, int]:
    with context.database.transaction() as connection:
        return {
            table.name: connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar_one()
            for table in tables
        }


def make_old(context: Context) -> None:
    """Let two years pass for all that is there."""
    times = (
        (t.event, "at"),
        (t.verdict, "decided_at"),
        (t.release, "created_at"),
        (t.revision, "committed_at"),
        (t.hold, "created_at"),
        (t.hold, "ended_at"),
    )
    with context.database.transaction() as connection:
        for table, name in times:
            earlier = table.c[name] - timedelta(days=730)
            connection.execute(sa.update(table).values({name: earlier}))


def forget_all(context: Context) -> Counter[str]:
    """Rounds until nothing is left to remove."""
    total: Counter[str] = Counter()
    while removed := forget(context, AGE):
        total.update(removed)
    return total


def clutter(context: Context, repository: Repository, count: int) -> None:
    """As many events and verdicts of two years ago, of revisions that nobody knows any more."""
    statements = (
        "INSERT INTO event (at, tag, repository_id, revision) SELECT now() - interval '2 years',"
        " 'poll:failed', :id, 'r' || n FROM generate_series(1, :count) n",
        "INSERT INTO verdict (repository_id, revision, inputs, allowed, findings, decided_at)"
        " OVERRIDING USER VALUE SELECT :id, 'r' || n, 'i', false, '[]',"
        " now() - interval '2 years' FROM generate_series(1, :count) n",
    )
    with context.database.transaction() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), {"id": repository.id, "count": count})


def test_ten_thousand_old_rows_go_in_batches_and_nothing_else(
    context: Context, repository: Repository
) -> None:
    before = rows(context, t.event, t.verdict, t.release, t.revision, t.artifact_chunk)
    clutter(context, repository, 5000)
    with context.database.transaction() as connection:  # the newest verdict is a real one
        newest = sa.select(sa.func.max(t.verdict.c.id)).scalar_subquery()
        kept = connection.execute(
            sa.update(t.verdict).where(t.verdict.c.id == newest).values(decided_at=sa.func.now())
        )
    first = forget(context, AGE, batch=1000)

    assert first == {"event": 1000, "verdict": 1000}
    assert forget_all(context) == {"event": 4000, "verdict": 3999}
    after = rows(context, t.event, t.verdict, t.release, t.revision, t.artifact_chunk)
    assert after == {**before, "verdict": before["verdict"] + kept.rowcount}
    context.measures.flush(context.database)
    with context.database.transaction() as connection:
        stored = read_measures(connection)
    assert stored[Series(ROWS_FORGOTTEN.name, ("event",))] == 5000


def test_what_is_in_the_store_keeps_its_history_and_its_timeline(
    context: Context, repository: Repository
) -> None:
    make_old(context)
    before = explain_dag(context, "a").timeline

    assert forget_all(context).keys() == {"event"}  # such as `sync:ended`, of no release
    assert explain_dag(context, "a").timeline == before


def test_what_left_the_store_goes_but_for_what_a_rollback_of_the_live_one_needs(
    watched: Context, repository: Repository
) -> None:
    clean_up(watched, keep=2, kept_s=0)
    make_old(watched)

    removed = forget_all(watched)

    assert rows(
        watched, t.release, t.deployment, t.verdict, t.revision, t.artifact
    ) == dict.fromkeys(("release", "deployment", "verdict", "revision", "artifact"), 2)
    assert (removed["release"], removed["artifact"]) == (2, 2)
    assert status_of(watched).facts.deployed is not None
    roll_back(watched, to=3)
    assert deployed_files(watched) == {"a.py": DAG.format(2)}


def test_a_quarantined_release_stays_quarantined(
    watched: Context, origin: Origin, repository: Repository
) -> None:
    with watched.database.transaction() as connection:
        connection.execute(
            sa.update(t.release).where(t.release.c.id == 1).values(quarantined_at=sa.func.now())
        )
    clean_up(watched, keep=2, kept_s=0)
    make_old(watched)

    forget_all(watched)

    with watched.database.transaction() as connection:
        left = connection.execute(sa.select(t.release.c.id).order_by(t.release.c.id)).scalars()
        assert list(left) == [1, 3, 4]


def test_an_open_hold_keeps_what_it_is_about_and_an_ended_one_goes(
    context: Context, origin: Origin, repository: Repository
) -> None:
    hold(context, "dags", reason="incident", actor="alice")
    origin.push("held", {"a.py": DAG.format(9)})
    run_sync(context, repository)
    make_old(context)
    with context.database.transaction() as connection:
        connection.execute(
            sa.insert(t.hold).values(
                repository_id=repository.id,
                kind="rewrite",
                reason="old",
                actor="windlass",
                ended_at=sa.func.now() - timedelta(days=400),
            )
        )

    assert forget_all(context)["hold"] == 1
    assert rows(context, t.hold) == {"hold": 1}
    assert status_of(context).facts.holds[0].reason == "incident"


def test_the_audit_is_never_cut(context: Context, repository: Repository) -> None:
    before = rows(context, t.audit)
    with context.database.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE audit DISABLE TRIGGER USER"))
        connection.execute(sa.update(t.audit).values(at=sa.func.now() - timedelta(days=4000)))

    forget_all(context)

    assert rows(context, t.audit) == before


def test_releases_of_a_removed_repository_leave_the_store_and_its_history_stays(
    watched: Context, repository: Repository
) -> None:
    remove(watched, "dags", reason="merged", actor="alice")
    go_on_removing(watched)

    clean_up(watched, keep=20, kept_s=0)

    assert in_store(watched) == []
    assert rows(watched, t.release) == {"release": 4}


def test_waivers_and_imports_that_nobody_uses_go(context: Context) -> None:
    def given(path: str, until: date) -> Waiver:
        return new_waiver(rule="DNG001", path=path, reason="r", actor="alice", until=until)

    imported = Imported(ImportStatus.OK, ("a",))
    with context.database.transaction() as connection:
        for path, days in (("long past", -400), ("past", -300), ("ended", 300), ("holds", 300)):
            add_waiver(connection, given(path, today() + timedelta(days=days)))
        connection.execute(
            sa.update(t.waiver)
            .where(t.waiver.c.path == "ended")
            .values(ended_at=sa.func.now() - timedelta(days=400))
        )
        keep_imports(connection, {"old": imported, "new": imported})
        connection.execute(
            sa.update(t.imported_file)
            .where(t.imported_file.c.key == "old")
            .values(used_at=sa.func.now() - timedelta(days=400))
        )

    assert forget_all(context) == {"waiver": 2, "imported_file": 1}
    with context.database.transaction() as connection:
        assert sorted(connection.execute(sa.select(t.waiver.c.path)).scalars()) == ["holds", "past"]
        assert [*find_imports(connection, ["old", "new"])] == ["new"]


def test_every_table_that_only_grows_is_cut() -> None:
    cut_with_others = {"approval", "artifact_chunk", "deployment", "plan"}
    is_bounded = {
        *("bundle", "credential", "dag_claim", "dag_prefix_claim", "dag_wish"),
        *("declaration", "environment", "listing", "measure", "policy", "repository", "stranger"),
        *("webhook", "webhook_secret"),
    }

    assert {*t.metadata.tables} - {*FORGOTTEN} == {"audit", *cut_with_others, *is_bounded}
