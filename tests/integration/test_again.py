"""What is released again because the store shows it otherwise than the database knows."""

import shutil

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, deployed_files, register, run_sync
from windlass.database import tables as t
from windlass.database.deployments import list_bindings
from windlass.database.releases import find_current
from windlass.domain.release import Release
from windlass.domain.repository import Repository
from windlass.engine.again import release_again
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.tick import repair_pointers

ONE = "from airflow.sdk import DAG\ndag = DAG('orders')\n"
TWO = ONE + "X = 2\n"


@pytest.fixture
def dags(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository with the release #1, which was released without validation."""
    origin.push("first", {"orders.py": ONE})
    repository = register(context, registration, options={"validation": False})
    run_sync(context, repository)
    return repository


def current(context: Context, repository: Repository) -> Release:
    with context.database.transaction() as connection:
        found = find_current(connection, repository.id)
    assert found is not None
    return found


def epoch(context: Context) -> int:
    with context.database.transaction() as connection:
        return int(connection.scalar(sa.select(t.repository.c.lease_epoch)) or 0)


def test_a_release_that_came_while_pointers_were_compared_is_not_released_again(
    context: Context, origin: Origin, dags: Repository
) -> None:
    with context.database.transaction() as connection:
        before = next(one for one in list_bindings(connection) if one.bundle == "one")
    origin.push("second", {"orders.py": TWO})
    run_sync(context, dags)
    held = epoch(context)

    assert release_again(context, before) is None

    assert current(context, dags).id == 2
    assert epoch(context) == held  # nobody's lease was taken


def test_what_was_not_validated_is_not_validated_when_it_is_released_again(
    context: Context, dags: Repository
) -> None:
    shutil.rmtree(context.store.releases / "1")

    repair_pointers(context)

    again = current(context, dags)
    assert (again.id, again.content_of, again.validated) == (2, 1, False)


def test_a_release_of_before_there_were_signatures_is_released_again_and_signed(
    context: Context, dags: Repository
) -> None:
    for name in ("release.json", "release.sig"):
        (context.store.releases / "1" / name).unlink()

    repair_pointers(context)
    repair_pointers(context)

    again = current(context, dags)
    assert (again.id, again.content_of, again.validated) == (2, 1, False)
    assert (context.store.releases / "2" / "release.sig").exists()
    assert deployed_files(context) == {"orders.py": ONE}


def test_what_cannot_be_released_again_takes_no_lease_on_every_tick(
    context: Context, dags: Repository
) -> None:
    shutil.rmtree(context.store.releases / "1")
    shutil.rmtree(context.mirrors)
    before = epoch(context)

    for _ in range(3):
        repair_pointers(context)

    assert epoch(context) == before
