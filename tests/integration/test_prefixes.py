"""Prefixes of dag_ids that a repository declares for ids which its files build at run time."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from tests.integration.conftest import Origin, clone_of, register, run_sync, status_of
from windlass.database import tables as t
from windlass.database.claims import claim_observed, lock_claims
from windlass.domain.errors import Conflict, Invalid
from windlass.domain.repository import Repository, SyncState
from windlass.domain.status import sync_state
from windlass.engine.context import Context
from windlass.engine.lifecycle import Change, change, remove
from windlass.engine.register import Registration
from windlass.engine.removal import go_on_removing
from windlass.entrypoints.demo.gitserver import GitHttpServer

DAG = "from airflow.sdk import DAG\ndag = DAG('sales_orders')\n"


@pytest.fixture
def other(context: Context, git_server: GitHttpServer, registration: Registration) -> Registration:
    """Another repository, which has the DAG `sales_orders`; not registered yet."""
    git_server.create_repository("team/other", private=True)
    clone = clone_of(git_server, "team/other", context.mirrors.parent / "other")
    clone.push("first", {"etl/orders.py": DAG})
    return replace(registration, url=clone.url)


@pytest.fixture
def declaring(context: Context, origin: Origin, registration: Registration) -> Repository:
    """A repository that builds ids which begin with `sales_`."""
    origin.push("first", {"a.py": "from airflow.sdk import DAG\nDAG('a')\n"})
    options = {"dag_id_prefixes": ["sales_"]}
    repository = register(context, registration, options=options)
    run_sync(context, repository)
    return repository


def declared(context: Context) -> list[tuple[str, int]]:
    query = sa.select(t.dag_prefix_claim.c.prefix, t.dag_prefix_claim.c.repository_id)
    with context.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(query.order_by("prefix"))]


def test_another_repositorys_id_that_begins_so_is_denied_with_the_place(
    context: Context, declaring: Repository, other: Registration
) -> None:
    run_sync(context, register(context, other))

    status = status_of(context, "other")
    assert sync_state(status.facts)[0] is SyncState.DENIED
    (found,) = [f for f in status.facts.findings if f.code == "STR001"]
    assert (found.path, found.message) == (
        "etl/orders.py",
        "the dag_id 'sales_orders' belongs to the repository 'dags', whose option dag_id_prefixes "
        "has 'sales_'",
    )


def test_a_prefix_of_an_id_that_another_repository_has_is_refused_with_its_file(
    context: Context, origin: Origin, registration: Registration, other: Registration
) -> None:
    theirs = register(context, other)
    run_sync(context, theirs)
    with context.database.transaction() as connection:
        environment = connection.execute(sa.select(t.environment.c.id)).scalar_one()
        row = {"environment_id": environment, "dag_id": "sales_orders", "path": "etl/orders.py"}
        connection.execute(sa.insert(t.observed_dag).values(**row, repository_id=theirs.id))
    origin.push("first", {})
    register(context, registration)

    with pytest.raises(Conflict) as refused:
        change(context, "dags", Change(options={"dag_id_prefixes": ["sales_"]}), actor="mira")

    assert refused.value.code == "DEP008"
    assert refused.value.message == (
        "the dag_id 'sales_orders' of the repository 'other' (its file etl/orders.py) begins with "
        "the prefix 'sales_'"
    )
    assert declared(context) == []


@pytest.mark.parametrize("prefix", ["sales_", "sales_eu_", "sa"])
def test_prefixes_of_two_repositories_do_not_overlap(
    context: Context, declaring: Repository, other: Registration, prefix: str
) -> None:
    register(context, other)

    with pytest.raises(Conflict, match=r"DEP008 .* overlaps with 'sales_'.* repository 'dags'"):
        change(context, "other", Change(options={"dag_id_prefixes": [prefix]}), actor="mira")


def test_an_id_that_airflow_shows_from_elsewhere_stays_the_declaring_ones(
    context: Context, declaring: Repository, other: Registration
) -> None:
    repository = register(context, other)

    with context.database.transaction() as connection:
        lock_claims(connection, repository)
        taken = claim_observed(connection, repository, {"sales_built", "mine"})

    assert taken == {"sales_built": "dags"}


def test_what_is_given_up_is_free_and_who_was_denied_is_judged_again(
    context: Context, declaring: Repository, other: Registration
) -> None:
    repository = register(context, other)
    run_sync(context, repository)
    assert sync_state(status_of(context, "other").facts)[0] is SyncState.DENIED

    change(context, "dags", Change(options={"dag_id_prefixes": ["stock_"]}), actor="mira")
    run_sync(context, repository)

    assert declared(context) == [("stock_", declaring.id)]
    assert status_of(context, "other").facts.deployed is not None


def test_a_removed_repository_owns_no_prefix(context: Context, declaring: Repository) -> None:
    assert declared(context) == [("sales_", declaring.id)]

    remove(context, "dags", reason="merged", actor="mira")
    go_on_removing(context)

    assert declared(context) == []


@pytest.mark.parametrize("value", ["sales_", [1], ["a"], ["sales *"], [f"{n}_" for n in range(51)]])
def test_a_prefix_is_a_text_that_begins_ids(
    context: Context, declaring: Repository, value: object
) -> None:
    with pytest.raises(Invalid, match="REPO014"):
        change(context, "dags", Change(options={"dag_id_prefixes": value}), actor="mira")
