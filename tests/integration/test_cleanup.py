"""Old releases leave the store when neither Windlass nor Airflow refers to them."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.artifacts.collect import remove_leftovers
from windlass.database import tables as t
from windlass.database.history import list_events
from windlass.domain.repository import Repository
from windlass.engine.cleanup import clean_up
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.targets.airflow import AirflowClient


@pytest.fixture
def watched(context: Context, client: AirflowClient) -> Context:
    return replace(context, airflows={"default": client})


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    """Five releases."""
    origin.push("0", {"a.py": "A = 0\n", "b.py": "B = 0\n"})
    repository = register(context, registration)
    for number in range(1, 6):
        run_sync(context, repository)
        if number < 5:
            origin.push(str(number), {"a.py": f"A = {number}\n"})
    return repository


def refers_to(*releases: str, state: str = "success") -> Any:
    """Airflow's answers where DAGs and runs have these bundle versions."""

    def answer(path: str, query: dict[str, str]) -> Any:
        rows: list[Any] = (
            [{}] if path.endswith("dagRuns") and query["bundle_version"] in releases else []
        )
        return {"dags": rows, "dag_runs": rows, "total_entries": len(rows)}

    return answer


def in_store(context: Context) -> list[str]:
    return sorted(place.name for place in context.store.releases.iterdir())


def tidy(context: Context, keep: int = 2) -> int:
    return clean_up(context, keep=keep, kept_s=0)


def test_the_newest_stay_and_the_others_go(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()

    assert tidy(watched) == 3

    assert in_store(watched) == ["4", "5"]
    assert deployed_files(watched) == {"a.py": "A = 4\n", "b.py": "B = 0\n"}


def test_a_release_that_went_stays_in_the_history(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()

    tidy(watched)

    with watched.database.transaction() as connection:
        rows = connection.execute(
            sa.select(t.release.c.id, t.release.c.cleaned_up_at.is_not(None)).order_by("id")
        )
        events = list_events(connection, repository.id, 50)
        assert [tuple(row) for row in rows] == [(n, n < 4) for n in range(1, 6)]
    assert [e.release_id for e in events if e.tag == "release:cleaned_up"] == [1, 2, 3]


def test_what_a_run_of_airflow_refers_to_stays(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to("2")

    assert tidy(watched) == 2

    assert in_store(watched) == ["2", "4", "5"]


def test_airflow_is_not_asked_again_at_once_about_what_it_refers_to(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to("1", "2", "3")
    tidy(watched)
    asked = len(strange.calls)

    tidy(watched)

    assert len(strange.calls) == asked


@pytest.mark.parametrize("status", [500, 403])
def test_nothing_goes_where_airflow_cannot_be_asked(
    watched: Context, strange: Strange, repository: Repository, status: int
) -> None:
    strange.answer = lambda path, query: status

    assert tidy(watched) == 0

    assert in_store(watched) == ["1", "2", "3", "4", "5"]


def test_nothing_goes_where_there_is_no_airflow_to_ask(
    context: Context, repository: Repository
) -> None:
    assert tidy(context) == 0
    assert in_store(context) == ["1", "2", "3", "4", "5"]


def test_what_the_pointer_names_stays_however_old_it_is(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()
    with watched.database.transaction() as connection:
        connection.execute(sa.update(t.bundle).values(release_id=2).where(t.bundle.c.name == "one"))

    tidy(watched)

    assert in_store(watched) == ["2", "4", "5"]


def test_a_fresh_release_stays(watched: Context, strange: Strange, repository: Repository) -> None:
    strange.answer = refers_to()

    assert clean_up(watched, keep=2) == 0


def test_a_clean_up_that_was_cut_is_ended_by_the_next(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()
    (watched.store.releases / "1").rename(watched.store.releases / ".gone.1")

    assert tidy(watched) == 3
    assert in_store(watched) == ["4", "5"]


def test_what_a_crash_left_goes_when_it_is_old(context: Context, room: Path) -> None:
    old, new = context.store.releases / ".7.abc", context.store.releases / ".8.abc"
    for folder in (old, new):
        (folder / "tree").mkdir(parents=True)
    os.utime(old, (time.time() - 7200,) * 2)

    assert remove_leftovers(context.store) == 1
    assert in_store(context) == [".8.abc"]


def test_a_release_whose_rows_were_never_written_goes_when_it_is_old(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to("1", "2", "3")
    for name, age_s in (("77", 7200), ("78", 0)):
        folder = watched.store.releases / name
        (folder / "tree").mkdir(parents=True)
        os.utime(folder, (time.time() - age_s,) * 2)

    tidy(watched)

    assert in_store(watched) == ["1", "2", "3", "4", "5", "78"]


def test_a_repository_goes_on_after_its_old_releases_went(
    watched: Context, strange: Strange, repository: Repository, origin: Origin
) -> None:
    strange.answer = refers_to()
    tidy(watched)
    origin.push("next", {"b.py": "B = 1\n"})

    run_sync(watched, repository)

    assert deployed_files(watched) == {"a.py": "A = 4\n", "b.py": "B = 1\n"}
    assert status_of(watched).facts.failure is None


def test_releases_that_were_approved_go_as_others_do_once_they_were_deployed(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()
    with watched.database.transaction() as connection:
        rows = [
            {"repository_id": repository.id, "release_id": n, "policy_digest": "", "state": state}
            for n, state in ((1, "approved"), (2, "waiting"), (3, "approved"))
        ]
        connection.execute(sa.insert(t.approval), rows)
        connection.execute(sa.delete(t.deployment).where(t.deployment.c.release_id == 3))

    tidy(watched)

    assert in_store(watched) == ["2", "3", "4", "5"]


def test_releases_that_never_were_deployed_take_no_place_of_one_to_go_back_to(
    watched: Context, strange: Strange, repository: Repository
) -> None:
    strange.answer = refers_to()
    with watched.database.transaction() as connection:
        connection.execute(sa.update(t.bundle).values(release_id=2).where(t.bundle.c.name == "one"))
        connection.execute(sa.delete(t.deployment).where(t.deployment.c.release_id > 2))

    tidy(watched)

    assert in_store(watched) == ["1", "2", "4", "5"]
