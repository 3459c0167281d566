"""What somebody puts into the store's folders beside what is ours."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, register, run_sync
from windlass.database import tables as t
from windlass.database.strangers import stored_strangers
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.strangers import look_for_strangers
from windlass.engine.tick import project_environments

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"


@pytest.fixture
def store(context: Context, origin: Origin, registration: Registration) -> Path:
    """A store with a release behind a pointer, and one behind the link `sales/dags`."""
    project_environments(context)
    origin.push("first", {"orders.py": ONE})
    run_sync(context, register(context, registration, name="first"))
    with context.database.transaction() as connection:
        connection.execute(sa.update(t.environment).values(target="folder"))
        connection.execute(sa.delete(t.dag_claim))
    run_sync(context, register(context, registration, namespace="sales"))
    return context.store.root


def found(context: Context) -> list[str]:
    look_for_strangers(context)
    with context.database.transaction() as connection:
        return stored_strangers(connection)


def put(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(ONE)


def told(context: Context) -> list[dict[str, Any]]:
    query = sa.select(t.event.c.tag, t.event.c.facts).where(t.event.c.repository_id.is_(None))
    with context.database.transaction() as connection:
        rows = connection.execute(query.order_by(t.event.c.id)).all()
    return [{"tag": row.tag, **row.facts} for row in rows if row.tag.startswith("drift:")]


def test_what_windlass_made_is_nobody_elses(context: Context, store: Path) -> None:
    assert found(context) == []
    assert (store / "environments/default/dags/sales/dags").is_symlink()
    assert (store / "environments/default/bundles/one").is_file()


@pytest.mark.parametrize(
    "path",
    [
        "environments/default/dags/mine.py",
        "environments/default/dags/.airflowignore",
        "environments/default/dags/sales/mine.py",
        "environments/default/bundles/mine",
        "environments/default/notes.txt",
        "environments/notes.txt",
        "releases/notes.txt",
        "notes.txt",
    ],
)
def test_a_file_beside_ours_is_told(context: Context, store: Path, path: str) -> None:
    put(store / path)

    assert found(context) == [path]


def test_a_folder_is_told_as_a_whole_and_an_empty_namespace_is_not(
    context: Context, store: Path
) -> None:
    put(store / "environments/default/dags/mine/deep/a.py")
    (store / "environments/default/dags/empty").mkdir()

    assert found(context) == ["environments/default/dags/mine/deep/"]


def test_a_link_that_no_repository_has_is_told(context: Context, store: Path) -> None:
    link = store / "environments/default/dags/sales/other"
    link.symlink_to("../../../../releases/1/tree")

    assert found(context) == ["environments/default/dags/sales/other"]


@pytest.mark.parametrize("name", ["bundles", "dags"])
def test_something_in_the_place_of_a_folder_of_ours_is_told(
    context: Context, store: Path, name: str
) -> None:
    ours = store / "environments/default" / name
    ours.rename(store.parent / "aside")
    ours.symlink_to(store.parent / "aside")

    assert found(context) == [f"environments/default/{name}"]


def test_a_pointer_that_a_smaller_pool_left_is_told_only_where_it_shows_something(
    context: Context, store: Path
) -> None:
    pointers = store / "environments/default/bundles"
    (pointers / "old").write_text('{"format": 1, "release": null}')
    (pointers / "odd").write_text('{"format": 1, "release": "1"}')

    assert found(context) == ["environments/default/bundles/odd"]


def test_what_is_being_written_is_not_told(context: Context, store: Path) -> None:
    put(store / "environments/default/bundles/.one.k3j4")
    put(store / "releases/.7.abc/tree/a.py")

    assert found(context) == []


def test_it_is_told_once_and_so_is_its_end(context: Context, store: Path) -> None:
    mine = store / "environments/default/dags/mine.py"
    put(mine)
    look_for_strangers(context)
    look_for_strangers(context)
    mine.unlink()
    look_for_strangers(context)

    fact = {
        "environment": "default",
        "files": ["foreign environments/default/dags/mine.py"],
        "count": 1,
    }
    assert told(context) == [{"tag": "drift:found", **fact}, {"tag": "drift:mended", **fact}]


def test_it_is_never_removed(context: Context, store: Path) -> None:
    mine = store / "environments/default/dags/mine.py"
    put(mine)

    look_for_strangers(context)

    assert mine.read_text() == ONE


def test_a_store_that_is_away_says_nothing_of_what_was_in_it(context: Context, store: Path) -> None:
    put(store / "notes.txt")
    look_for_strangers(context)
    (store / "store.json").rename(store / "away.json")

    assert found(context) == ["notes.txt"]


def test_names_that_steer_terminals_are_told_without_that(context: Context, store: Path) -> None:
    put(store / "environments/default/dags/a\x1b[2J.py")

    assert found(context) == ["environments/default/dags/a�[2J.py"]
