"""What `windlass doctor` finds of a machine, a database and a store."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.calls import SECRET
from tests.contract.forges import GitHub, serving
from tests.integration.conftest import Origin, register, run_sync
from tests.integration.reporting import report_to
from tests.integration.sham import make_sham_airflow
from tests.integration.strange import Strange
from tests.integration.test_declare import apply
from windlass.artifacts.store import Store
from windlass.database import tables as t
from windlass.database.connection import Database
from windlass.domain.checkup import Checkup, Condition
from windlass.domain.errors import Unavailable
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.doctor import Place, _secrets, examine
from windlass.engine.register import Registration
from windlass.network.proxies import Network
from windlass.sandbox.importer import Importer, Limits


def look(context: Context, **place: str | None) -> dict[str, Checkup]:
    where = {"api_url": "http://127.0.0.1:1", "public_url": None} | place
    home = context.store.root.parent
    here = Place(home, context.store.root, history_days=365, **where)  # type: ignore[arg-type]
    rows = examine(here, lambda network: context)
    return {row.subject: row for row in rows}


def registered(context: Context, silence_s: int) -> None:
    """A worker whose heart was heard that long ago."""
    with context.database.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => :s))"
            ),
            {"s": silence_s},
        )


def test_a_machine_that_is_well_is_found_well(context: Context, strange: Strange) -> None:
    strange.answer = lambda path, query: {"status": "ok"}
    registered(context, 0)

    found = look(context, api_url=strange.url, public_url=strange.url)

    wells = ("git", "disk", "store", "api", "public url", "database", "schema", "worker")
    assert {subject: found[subject].condition for subject in wells} == dict.fromkeys(
        wells, Condition.OK
    )


@pytest.mark.parametrize(
    ("silence_s", "words"), [(None, "none runs"), (60, "the last one was heard of 60 s ago")]
)
def test_a_worker_that_is_silent_is_a_failure(
    context: Context, silence_s: int | None, words: str
) -> None:
    if silence_s is not None:
        registered(context, silence_s)

    found = look(context)["worker"]

    assert (found.condition, found.found) == (Condition.FAILED, words)


def test_a_refused_file_and_an_old_backup_are_told(context: Context) -> None:
    backups = context.store.root.parent / "backups"
    assert look(context)["backup"].found == f"none is in {backups}"
    backups.mkdir()
    made = backups / "windlass-1.tar"
    made.touch()
    assert look(context)["backup"].found == "the newest is 0 h old"
    os.utime(made, (0, time.time() - 72 * 3600))
    apply(context, "repositories: [\n")

    found = look(context)

    assert (found["backup"].condition, found["backup"].found) == (
        Condition.WARNING,
        "the newest is 72 h old",
    )
    assert found["windlass.yaml"].condition is Condition.WARNING
    assert found["windlass.yaml"].found.startswith("windlass.yaml is refused: windlass.yaml:")


def test_how_much_history_there_is_and_what_went_is_told(context: Context) -> None:
    assert look(context)["history"].found == (
        "0 events, 0 verdicts, 0 releases; 0 rows older than 365 days were removed so far"
    )


def test_without_a_database_the_rest_is_still_looked_at(context: Context) -> None:
    def away(network: Network) -> Context:
        raise Unavailable("PG001", "no database server is running here", "Start it.")

    root = context.store.root
    rows = examine(Place(root.parent, root, "http://127.0.0.1:1", None, 365), away)

    assert [row.subject for row in rows] == [
        "git",
        "disk",
        "store",
        "backup",
        "api",
        "public url",
        "database",
    ]
    assert (rows[-1].condition, rows[-1].remedy) == (Condition.FAILED, "Start it.")


def test_a_schema_of_another_version_is_a_failure(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0002'"))

    found = look(context)

    assert found["schema"].found.startswith("version 0002; this Windlass has ")
    assert "worker" not in found


def test_something_else_at_the_address_is_no_windlass(context: Context, strange: Strange) -> None:
    strange.answer = lambda path, query: {"hello": "world"}

    found = look(context, public_url=strange.url)["public url"]

    assert found.condition is Condition.FAILED
    assert found.found == f"what answers at {strange.url} is not a Windlass: HTTP 200"


@pytest.mark.parametrize(
    ("spoil", "condition"),
    [
        (lambda root: root.chmod(0o700), Condition.WARNING),
        (lambda root: root.rename(root.with_name("elsewhere")), Condition.UNKNOWN),
    ],
)
def test_a_store_that_airflow_cannot_use_is_told(
    context: Context, spoil: Callable[[Path], object], condition: Condition
) -> None:
    spoil(context.store.root)

    assert look(context)["store"].condition is condition


def test_looking_leaves_nothing_in_the_store(context: Context) -> None:
    before = sorted(context.store.root.rglob("*"))

    look(context)

    assert sorted(context.store.root.rglob("*")) == before


@pytest.mark.parametrize(("seconds", "condition"), [(0.9, Condition.OK), (31.0, Condition.WARNING)])
def test_how_long_flips_took_to_be_seen_tells_of_the_mount(
    context: Context,
    origin: Origin,
    registration: Registration,
    seconds: float,
    condition: Condition,
) -> None:
    origin.push("first", {"a.py": "from airflow.sdk import DAG\nwith DAG('a'):\n    pass\n"})
    run_sync(context, register(context, registration))
    with context.database.transaction() as connection:
        after = t.deployment.c.published_at + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        connection.execute(sa.update(t.deployment).values(live_at=after))

    found = look(context)["default: mount"]

    assert found.condition is condition
    assert found.found == f"a flipped pointer is seen live after {seconds} s (median of 1)"


def test_a_pool_that_is_nearly_used_up_is_a_warning(
    context: Context, origin: Origin, registration: Registration
) -> None:
    origin.push("first", {"a.py": ""})
    for name in ("first", "second"):
        run_sync(context, register(context, registration, name=name))

    found = look(context)["default: bundles"]

    assert (found.condition, found.found) == (Condition.WARNING, "2 of 2 bound")
    assert "--bundles 4" in found.remedy


def test_a_database_that_went_away_is_a_failure(context: Context, room: Path) -> None:
    gone = Database(f"postgresql://nobody@/none?host={room}")
    lost = replace(context, database=gone, store=Store(context.store.root))

    found = look(lost)

    assert found["database"].condition is Condition.FAILED
    assert "worker" not in found


def test_that_nothing_is_imported_is_told_with_what_to_do(context: Context) -> None:
    found = look(context)["default: imports"]

    assert found.condition is Condition.UNKNOWN
    assert found.remedy == "windlass environment set default --interpreter PYTHON"


@pytest.mark.parametrize(("least", "well"), [("limits", True), ("namespaces", False)])
def test_how_imports_are_confined_is_told(
    context: Context, room: Path, least: str, well: bool
) -> None:
    limits = Limits(tiers=("landlock",), least=least)
    importer = Importer(make_sham_airflow(room / "sham"), limits=limits)

    found = look(replace(context, importer=importer))["default: imports"]

    assert found.found == "Airflow 3.3.0, confined by landlock"
    assert found.condition is (Condition.OK if well else Condition.FAILED)


def test_secrets_that_are_old_or_end_soon_are_named(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {})
    registered(context, 0)
    register(context, registration)
    today = datetime.now(UTC).date()

    def told(**values: object) -> tuple[Condition, str]:
        with context.database.transaction() as connection:
            connection.execute(sa.update(t.credential).values(**values))
        rows = look(context)
        row = rows.get("credential dags") or rows["credentials"]
        return row.condition, row.found

    assert told(expires_on=None) == (Condition.OK, "1 are younger than 180 days")
    assert told(expires_on=today + timedelta(days=9)) == (
        Condition.WARNING,
        f"ends on {today + timedelta(days=9)}",
    )
    assert told(expires_on=today)[0] is Condition.FAILED
    assert told(expires_on=None, changed_at=sa.func.now() - sa.text("interval '200 days'")) == (
        Condition.WARNING,
        "its secret is 200 days old",
    )


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602])
def test_a_secret_that_others_may_use_is_a_failure(room: Path, mode: int) -> None:
    token, key, absent = room / "api-token", room / "release-key", room / "metrics-token"
    token.write_text("t")
    key.write_text("k")
    key.chmod(0o600)
    token.chmod(mode)

    (row,) = _secrets([token, key, absent])

    assert row.condition is Condition.FAILED
    assert row.found == f"other accounts may use {token}: its mode is {mode:04o}"
    token.chmod(0o600)
    (row,) = _secrets([token, key, absent])
    assert row == Checkup(
        "secrets", Condition.OK, "only their owner may use the 2 files with keys and tokens"
    )


def test_a_branch_that_anybody_may_push_to_is_a_warning(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"a.py": "x = 1\n"})
    with serving(GitHub()) as forge:
        reported = report_to(context, registration, origin, forge)
        webhooks.add(reported.context, "dags", "github", secret=SECRET, actor="alice")
        open_to_all = look(reported.context)["branch of dags"]
        forge.protected = "reviewed"
        guarded = look(reported.context)["branch of dags"]

    assert (open_to_all.condition, open_to_all.found) == (
        Condition.WARNING,
        "not protected: whoever may write can push without review",
    )
    assert guarded.condition is Condition.OK
