"""One release shown whole, two side by side, and releases whose files left the store."""

import shutil
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.serving import api_over, client_of
from tests.integration.test_api import REPOSITORIES
from tests.integration.test_sync import roll_back
from windlass.artifacts.collect import remove_release
from windlass.database import tables as t
from windlass.domain.errors import Conflict
from windlass.domain.release import ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.compare import MAX_FILE_LINES, compare_releases
from windlass.engine.context import Context
from windlass.engine.register import Registration, request_rollback
from windlass.engine.worker import handlers

ONE = {
    "orders.py": "from airflow.sdk import DAG\nfrom rates import RATE\ndag = DAG('orders')\n",
    "legacy.py": "from airflow.sdk import DAG\ndag = DAG('legacy')\n",
    "rates.py": "RATE = 1\n",
    "logo.bin": "\0binary",
}
TWO: dict[str, str | None] = {
    "rates.py": "RATE = 2\n",
    "legacy.py": None,
    "logo.bin": "\0other",
    "hello.py": "from airflow.sdk import DAG\ndag = DAG('hello')\n",
}


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with the releases #1 and #2."""
    origin.push("first", {**ONE})
    repository = register(context, registration)
    run_sync(context, repository)
    origin.push("second", TWO)
    run_sync(context, repository)
    return repository


@pytest.fixture
def ask(context: Context, dags: Repository) -> Any:
    """GET below the repository's address."""
    api: FastAPI = api_over(context)
    with client_of(api) as client:
        client.headers["Authorization"] = "Bearer a-token"

        def get(path: str) -> httpx.Response:
            return client.get(f"{REPOSITORIES}/dags/{path}")

        yield get


def test_a_release_is_shown_with_its_dags_files_findings_and_way(ask: Any) -> None:
    found = ask("releases/2").json()

    assert found["dags"] == {"hello": "hello.py", "orders": "orders.py"}
    assert [one["path"] for one in found["files"]] == [
        *("hello.py", "logo.bin", "orders.py", "rates.py"),
    ]
    assert (found["state"], found["is_current"], found["has_tree"]) == ("published", True, True)
    assert (found["deployment"]["replaces"], found["approval"]) == (1, None)
    assert [event["tag"] for event in found["events"]] == ["release:published"]


def test_a_release_of_another_number_is_not_found(ask: Any) -> None:
    answer = ask("releases/99")

    assert (answer.status_code, answer.json()["code"]) == (404, "REL001")


def test_two_releases_differ_by_dag_by_file_and_by_what_is_parsed_again(ask: Any) -> None:
    found = ask("diff?old=1&new=2").json()

    assert {one["dag_id"]: one["what"] for one in found["dags"]} == {
        "hello": "added",
        "legacy": "removed",
        "orders": "changed",
    }
    assert found["parsed_again"] == {
        "hello.py": "new",
        "orders.py": "depends on rates.py, which is changed",
    }
    texts = {one["path"]: one["text"] for one in found["files"]}
    assert texts["rates.py"] == "--- a/rates.py\n+++ b/rates.py\n@@ -1 +1 @@\n-RATE = 1\n+RATE = 2"
    assert texts["logo.bin"] is None


def test_without_a_second_release_the_deployed_one_is_compared_with(ask: Any) -> None:
    assert ask("diff?old=1").json()["new"] == 2


def test_a_long_diff_is_cut_and_says_so(context: Context, origin: Origin, dags: Repository) -> None:
    origin.push("long", {"long.txt": "x\n" * 1000})
    run_sync(context, dags)

    diff = compare_releases(context, "dags", ReleaseId(2), None, text=True)

    assert diff.texts["long.txt"].endswith(f"\n… and {1003 - MAX_FILE_LINES} more lines")


def test_a_rollback_to_a_release_that_left_the_store_makes_it_again_from_the_mirror(
    context: Context, dags: Repository
) -> None:
    remove_release(context.store, ReleaseId(1))

    roll_back(context, to=1)

    assert deployed_files(context) == ONE


def test_it_is_made_again_from_the_remote_where_the_mirror_is_gone_too(
    context: Context, dags: Repository
) -> None:
    remove_release(context.store, ReleaseId(1))
    shutil.rmtree(context.mirrors / f"{dags.id}.git")

    roll_back(context, to=1)

    assert deployed_files(context) == ONE


def test_a_rollback_to_what_is_gone_everywhere_says_so_and_changes_nothing(
    context: Context, origin: Origin, dags: Repository
) -> None:
    remove_release(context.store, ReleaseId(1))
    shutil.rmtree(context.mirrors / f"{dags.id}.git")
    origin.git("remote", "set-url", "origin", "/nonexistent")
    before = deployed_files(context)
    shutil.rmtree(next(origin.clone.parent.glob("git/**/dags.git")))

    roll_back(context, to=1)

    failure = status_of(context).facts.failure
    assert failure is not None
    assert failure.code == "REL016"
    assert deployed_files(context) == before


def test_a_rollback_to_what_is_quarantined_is_refused_before_anything_is_asked_for(
    context: Context, dags: Repository
) -> None:
    roll_back(context)
    query = sa.text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'rollback'")
    with context.database.transaction() as connection:
        connection.execute(sa.text("DELETE FROM procrastinate_jobs"))

    with pytest.raises(Conflict, match="REL003 release #2 is quarantined: wrong totals"):
        request_rollback(context, "dags", ReleaseId(2), actor="alice", reason="back")
    with pytest.raises(Conflict, match="REL004 release #3 is deployed already"):
        request_rollback(context, "dags", ReleaseId(3), actor="alice", reason="back")

    with context.database.transaction() as connection:
        assert connection.execute(query).scalar_one() == 0


def test_a_release_that_came_meanwhile_is_not_rolled_back_unseen(
    context: Context, origin: Origin, dags: Repository
) -> None:
    asked = {"to": 1, "bad": 2, "actor": "alice", "reason": "bad"}
    origin.push("third", {"orders.py": "X = 3\n"})
    run_sync(context, dags)

    handlers(context)["rollback"](dags.id, **asked, should_abort=lambda: False)

    failure = status_of(context).facts.failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "REL007",
        "release #2 was to be rolled back, but #3 has taken its place",
    )


def test_a_second_rollback_while_one_waits_is_refused(context: Context, dags: Repository) -> None:
    request_rollback(context, "dags", None, actor="alice", reason="bad")

    with pytest.raises(Conflict, match="REL006 a rollback of 'dags' is waiting already"):
        request_rollback(context, "dags", None, actor="bob", reason="bad too")


def test_history_that_a_newer_version_wrote_is_shown_as_it_is(
    context: Context, dags: Repository, ask: Any
) -> None:
    with context.database.transaction() as connection:
        values = {"tag": "release:hoisted", "repository_id": dags.id, "release_id": 2}
        connection.execute(sa.insert(t.event).values(values))

    assert ask("events").json()[-1]["tag"] == "release:hoisted"
    assert ask("releases/2").json()["events"][-1]["tag"] == "release:hoisted"
