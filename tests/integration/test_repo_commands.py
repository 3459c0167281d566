"""What the command line says of repositories and releases where no Airflow can be asked."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer

from tests.integration.conftest import Origin, register, run_sync
from tests.integration.serving import TOKEN, api_over, client_of
from tests.integration.test_config_commands import run
from tests.integration.test_regression import run_rollback
from tests.waiting import wait_until
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.lifecycle import remove
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.entrypoints.cli.policy import try_all

NOBODY_LOOKS = "nobody looks whether it is live: windlass environment set -h"


@pytest.fixture(autouse=True)
def served(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Alice's command line leads to an API that serves."""
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.chdir(tmp_path)
    with client_of(api_over(context)) as client:
        monkeypatch.setenv("WINDLASS_API_URL", str(client.base_url))
        monkeypatch.setenv("WINDLASS_API_TOKEN_FILE", str(tmp_path / "token"))
        yield


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": "X = 1\n"})
    repository = register(context, registration)
    run_sync(context, repository)
    return repository


def test_what_is_published_where_no_airflow_is_known_says_so(dags: Repository) -> None:
    shown = run("repo", "show", "dags").out

    assert "Sync     ○ Published: release #1; no Airflow is known" in shown


def test_a_rollback_ends_where_no_airflow_can_be_asked(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": "X = 2\n"})
    run_sync(context, dags)

    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(run, "release", "rollback", "dags", "--reason", "wrong")
        while not run_rollback(context):
            time.sleep(0.02)
        said = asked.result(30)

    assert (said.code, said.error) == (0, "")
    assert said.out.splitlines()[-2:] == [
        "Published as release #3. No Airflow address is known for",
        f"default, so {NOBODY_LOOKS}",
    ]
    again = run("release", "rollback", "dags", "--to", "2", "--reason", "back", "--no-wait")
    assert again.error.startswith("REL003 release #2 is quarantined: wrong")


def run_waiting_sync(context: Context, repository: Repository) -> bool:
    """Run the sync that waits as a worker does, which takes it out of the queue; False: none."""
    jobs = "FROM procrastinate_jobs WHERE task_name = 'sync'"
    with context.database.transaction() as connection:
        waits = bool(connection.execute(sa.text(f"SELECT count(*) {jobs}")).scalar_one())
    if waits:
        run_sync(context, repository)
        with context.database.transaction() as connection:
            connection.execute(sa.text(f"DELETE {jobs}"))
    return waits


def test_a_sync_is_waited_for_however_late_it_begins(
    context: Context, origin: Origin, dags: Repository
) -> None:
    origin.push("second", {"orders.py": "X = 2\n"})
    with context.database.transaction() as connection:
        connection.execute(sa.text("DELETE FROM procrastinate_jobs"))

    with ThreadPoolExecutor(1) as executor:
        asked = executor.submit(run, "repo", "sync", "dags", "--wait")
        wait_until(lambda: run_waiting_sync(context, dags), "a sync was asked for")
        said = asked.result(180)

    assert said.code == 0
    assert "Published as release #2. No Airflow address is known for" in said.out.splitlines()


def test_a_removed_repository_is_shown_as_what_it_was(context: Context, dags: Repository) -> None:
    remove(context, "dags", reason="merged into core", actor="alice")
    go_on_removing(context)

    shown = run("repo", "show", "dags").out

    assert "◇ Removed" in shown
    assert "by alice: merged into core" in shown
    assert "1 release and its history stay: windlass release list dags" in shown
    assert "repository:removed" in shown
    assert run("repo", "show", "other").error.startswith("REPO011 there is no repository 'other'")


def test_the_history_is_told_without_the_names_of_python(dags: Repository) -> None:
    line = next(x for x in run("repo", "show", "dags").out.splitlines() if "sync:ended" in x)

    assert "outcome=released milliseconds=" in line
    assert "{" not in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["explain", "orders", "--environment", "zz"], "ENV002 no environment is named 'zz'"),
        (["audit", "verify", "--public-key", "zz"], "AUD005 'zz' is no public key"),
        (["airflow", "config", "--origin", "http://x"], "CLI014 --origin 'http://x' is no"),
        (["repo", "set", "dags", "-O", "a", "-O", "b"], "CLI003 'a' is no NAME=VALUE"),
        (["release", "hold", "dags", "--reason", ""], "API001 reason is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(dags: Repository, arguments: list[str], told: str) -> None:
    assert run(*arguments).error.startswith(told)


def test_an_unknown_dag_ends_with_one_and_an_audit_of_nothing_says_of_what() -> None:
    assert run("explain", "nope").code == 1
    assert run("audit", "list", "--subject", "repository/x").out == (
        "No change of 'repository/x' is there.\n"
    )


def test_what_another_policy_would_deny_is_told_repository_by_repository(
    dags: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mild.yaml").write_text("deny_at: critical")
    told = run("policy", "try", "default", "mild.yaml")
    with pytest.raises(typer.Exit) as ended:  # one of them is removed meanwhile
        try_all(["gone", "dags"], {"name": "default", "text": "deny_at: critical"}, "json")
    listed, progress = capsys.readouterr()

    passes = (
        "dags #1: passes by the policy default; "
        "not imported: no interpreter of Airflow is set (WINDLASS_AIRFLOW_PYTHON)."
    )
    assert told.out.splitlines() == [
        f"[1/1] {passes}",
        "0 of 1 would be denied. Nothing was changed.",
    ]
    assert progress.splitlines() == [
        "[1/2] gone: not tried: REPO011 there is no repository 'gone'",
        f"[2/2] {passes}",
    ]
    assert [one["would_pass"] for one in json.loads(listed)] == [False, True]
    assert ended.value.exit_code == 1
