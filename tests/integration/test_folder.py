"""The folder target: links to releases below one folder, and an Airflow without versions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.artifacts.folder import dags_folder, read_link, write_link
from windlass.artifacts.store import Store
from windlass.database import tables as t
from windlass.domain.environment import FOLDER_BUNDLE, Target
from windlass.domain.errors import AppError
from windlass.domain.release import DeploymentState, ReleaseId
from windlass.domain.repository import Repository
from windlass.engine.context import Context
from windlass.engine.observe import Observer
from windlass.engine.register import Registration
from windlass.engine.tick import project_environments, repair_pointers
from windlass.targets.folder import FolderAirflow

DAG = "from airflow.sdk import DAG\nDAG('orders')\n"
PLACE = "sales/dags"


@pytest.fixture
def store(room: Path) -> Store:
    store = Store(room / "links")
    (store.releases / "7/tree").mkdir(parents=True)
    (store.root / "environments/prod").mkdir(parents=True)
    return store


@pytest.fixture
def repository(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A first release in an environment whose target is a folder."""
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(target="folder"))
    origin.push("first", {"orders.py": DAG, "sql/load.sql": "select 1"})
    repository = register(context, registration, namespace="sales")
    run_sync(context, repository)
    return repository


def linked(context: Context) -> dict[str, str]:
    folder = dags_folder(context.store, "default") / PLACE
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def state(context: Context) -> DeploymentState:
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    return deployed.state


def test_a_link_shows_the_release_and_moves_forward(store: Store) -> None:
    assert write_link(store, "prod", PLACE, ReleaseId(7))
    assert not write_link(store, "prod", PLACE, ReleaseId(7))
    assert write_link(store, "prod", PLACE, ReleaseId(8))

    assert read_link(store, "prod", PLACE) == 8
    link = dags_folder(store, "prod") / PLACE
    assert str(link.readlink()) == "../../../../releases/8/tree"


def test_a_link_resolves_from_where_it_is(store: Store) -> None:
    write_link(store, "prod", PLACE, ReleaseId(7))

    assert (dags_folder(store, "prod") / PLACE).resolve() == store.tree(ReleaseId(7)).resolve()


def test_a_link_can_be_taken_away(store: Store) -> None:
    write_link(store, "prod", PLACE, ReleaseId(7))

    assert write_link(store, "prod", PLACE, None, unbinds=True)
    assert not write_link(store, "prod", PLACE, None, unbinds=True)
    assert read_link(store, "prod", PLACE) is None


def put_a_folder(link: Path) -> None:
    link.mkdir(parents=True)


def put_a_file(link: Path) -> None:
    link.parent.mkdir(parents=True)
    link.write_text("mine")


@pytest.mark.parametrize("put", [put_a_folder, put_a_file])
def test_what_others_put_there_is_not_replaced(store: Store, put: Callable[[Path], None]) -> None:
    link = dags_folder(store, "prod") / PLACE
    put(link)

    with pytest.raises(AppError) as refused:
        write_link(store, "prod", PLACE, ReleaseId(7))

    assert refused.value.code == "STORE006"
    assert not link.is_symlink()


@pytest.mark.parametrize("lower", [ReleaseId(6), None])
def test_a_link_never_goes_back_and_is_not_lost_by_chance(
    store: Store, lower: ReleaseId | None
) -> None:
    write_link(store, "prod", PLACE, ReleaseId(7))

    with pytest.raises(AppError) as refused:
        write_link(store, "prod", PLACE, lower)

    assert (refused.value.code, read_link(store, "prod", PLACE)) == ("STORE005", 7)


def test_nothing_but_links_is_ever_below_the_folder(store: Store) -> None:
    for number in range(7, 30):
        write_link(store, "prod", PLACE, ReleaseId(number))

    assert [p.name for p in dags_folder(store, "prod").rglob("*")] == ["sales", "dags"]
    assert sorted(p.name for p in (store.root / "environments/prod").iterdir()) == ["dags"]


def test_the_folder_is_there_before_the_first_release(context: Context) -> None:
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(target="folder"))

    project_environments(context)

    assert list(dags_folder(context.store, "default").iterdir()) == []


def test_a_repository_that_is_renamed_is_imported_from_where_it_lies(
    context: Context, repository: Repository
) -> None:
    there = replace(context, targets={"default": Target.FOLDER})

    assert there.imports_of(replace(repository, name="other")).folder == PLACE


def test_a_push_is_shown_in_the_folder_of_namespace_and_repository(
    context: Context, repository: Repository, origin: Origin
) -> None:
    assert linked(context) == {"orders.py": DAG, "sql/load.sql": "select 1"}

    origin.push("second", {"orders.py": DAG + "# 2\n"})
    run_sync(context, repository)

    assert linked(context)["orders.py"] == DAG + "# 2\n"
    assert status_of(context).bundle == PLACE


def test_a_folder_has_room_for_more_repositories_than_any_pool(
    context: Context, repository: Repository, registration: Registration
) -> None:
    for number in range(4):
        path = "sql" if number else "."
        with context.database.transaction() as connection:
            connection.execute(sa.delete(t.dag_claim))
        run_sync(context, register(context, registration, name=f"r{number}", path=path))

    folder = dags_folder(context.store, "default")
    assert sorted(str(p.relative_to(folder)) for p in folder.glob("*/*")) == [
        "r0/r0",
        "r1/r1",
        "r2/r2",
        "r3/r3",
        "sales/dags",
    ]
    with context.database.transaction() as connection:
        query = sa.select(sa.func.count()).where(t.event.c.tag == "pool:filling")
        assert connection.execute(query).scalar_one() == 0


def test_a_link_that_somebody_took_is_put_back(context: Context, repository: Repository) -> None:
    (dags_folder(context.store, "default") / PLACE).unlink()

    assert repair_pointers(context) == 1
    assert linked(context)["orders.py"] == DAG


@pytest.mark.parametrize(
    ("parsed_after_s", "expected"),
    [(5.0, DeploymentState.LIVE), (-5.0, DeploymentState.PUBLISHED)],
)
def test_only_a_parse_after_the_flip_makes_it_live(
    context: Context,
    strange: Strange,
    repository: Repository,
    parsed_after_s: float,
    expected: DeploymentState,
) -> None:
    at = datetime.now(UTC) + timedelta(seconds=parsed_after_s)
    row: dict[str, Any] = {
        "dag_id": "orders",
        "bundle_name": FOLDER_BUNDLE,
        "bundle_version": None,
        "relative_fileloc": "sales/dags/orders.py",
        "file_token": "t",
        "last_parsed_time": at.isoformat(),
        "last_parse_duration": 0.1,
    }
    foreign = {**row, "dag_id": "mine", "relative_fileloc": "mine.py"}
    strange.answer = lambda path, query: {
        "dags": [row, foreign] if path.endswith("/dags") else [],
        "import_errors": [],
        "total_entries": 2 if path.endswith("/dags") else 0,
    }
    airflow = FolderAirflow(strange.url, "windlass", "secret")

    Observer(replace(context, airflows={"default": airflow})).look()

    airflow.close()
    assert state(context) == expected
    asked = [query for path, query in strange.calls if path.endswith("/dags")]
    assert {query["bundle_name"] for query in asked} == {FOLDER_BUNDLE}


def test_an_import_error_in_the_folder_is_that_repositorys(
    context: Context, strange: Strange, repository: Repository
) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    row = {
        "import_error_id": 1,
        "bundle_name": FOLDER_BUNDLE,
        "filename": "sales/dags/orders.py",
        "timestamp": at,
        "stack_trace": "boom",
    }
    strange.answer = lambda path, query: {
        "dags": [],
        "import_errors": [row],
        "total_entries": 1 if path.endswith("importErrors") else 0,
    }
    airflow = FolderAirflow(strange.url, "windlass", "secret")

    Observer(replace(context, airflows={"default": airflow})).look()

    airflow.close()
    deployed = status_of(context).facts.deployed
    assert deployed is not None
    assert deployed.state is DeploymentState.FAILED
    assert [error[0] for error in deployed.import_errors] == ["orders.py"]
