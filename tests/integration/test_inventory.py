"""The inventory of an environment: where names come from, and what it says of revisions."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.conftest import Origin, register, run_sync, status_of
from tests.integration.strange import Strange
from windlass.compiler.declaration import read_inventory
from windlass.database.approvals import list_waiting
from windlass.database.environments import get_environment
from windlass.domain.errors import Conflict
from windlass.domain.inventory import Declared
from windlass.domain.names import Kind
from windlass.domain.repository import Repository
from windlass.engine.connect import Connected, Login, change_environment
from windlass.engine.context import Context
from windlass.engine.register import Registration
from windlass.engine.review import approve
from windlass.engine.stock import refresh, refresh_stale

DAG = (
    "from airflow.sdk import DAG, BaseHook\n"
    "dag = DAG('orders')\n"
    "def load():\n"
    "    return BaseHook.get_connection('{}')\n"
)
COMPLETE = Declared(complete=frozenset(Kind))


def answers(*connections: str) -> Callable[[str, dict[str, str]], Any]:
    """An Airflow with these connections, which has values too."""

    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/api/v2/connections":
            rows = [{"connection_id": one, "password": "hunter2"} for one in connections]
            return {"connections": rows, "total_entries": len(rows)}
        if path == "/api/v2/variables":
            return {"variables": [{"key": "batch", "value": "hunter2"}], "total_entries": 1}
        return {"pools": [{"name": "default_pool", "slots": 128}], "total_entries": 1}

    return answer


@pytest.fixture
def asked(live: Context, strange: Strange) -> Context:
    """A context whose only environment has an Airflow that can be asked."""
    strange.answer = answers("warehouse")
    given = Connected("default", {"airflow_url": strange.url}, Login("windlass", "pw"))
    change_environment(live, given, actor="alice")
    return live


@pytest.fixture
def dags(asked: Context, origin: Origin, registration: Registration) -> Repository:
    origin.push("first", {"orders.py": DAG.format("warehouse")})
    return register(asked, registration)


def declare(context: Context, declared: Declared) -> None:
    change_environment(context, Connected("default", {"inventory": declared}), actor="alice")


def codes(context: Context) -> list[tuple[str, str]]:
    return [(one.code, one.severity) for one in status_of(context).facts.findings]


def push(context: Context, origin: Origin, dags: Repository, connection: str) -> None:
    origin.push("change", {"orders.py": DAG.format(connection)})
    run_sync(context, dags)


def test_names_are_read_and_no_value_is_kept(asked: Context) -> None:
    found = refresh(asked, "default")

    assert {k: one.names for k, one in found.airflow.items()} == {
        Kind.CONNECTION: frozenset({"warehouse"}),
        Kind.VARIABLE: frozenset({"batch"}),
        Kind.POOL: frozenset({"default_pool"}),
    }
    assert "hunter2" not in repr(found)


def test_an_unknown_name_warns_until_the_inventory_is_declared_complete(
    asked: Context, origin: Origin, dags: Repository
) -> None:
    refresh(asked, "default")
    push(asked, origin, dags, "crm")
    assert codes(asked) == [("REF001", "medium")]

    declare(asked, COMPLETE)
    run_sync(asked, dags)

    assert codes(asked) == [("REF001", "high")]


def test_a_connection_that_is_added_allows_the_revision_without_a_push(
    asked: Context, origin: Origin, dags: Repository, strange: Strange
) -> None:
    declare(asked, COMPLETE)
    refresh(asked, "default")
    push(asked, origin, dags, "crm")
    strange.answer = answers("warehouse", "crm")

    refresh(asked, "default")
    run_sync(asked, dags)

    assert codes(asked) == []


def test_an_airflow_that_is_away_makes_names_unknown_and_never_missing(
    asked: Context, origin: Origin, dags: Repository, strange: Strange
) -> None:
    declare(asked, COMPLETE)
    refresh(asked, "default")
    strange.answer = lambda path, query: 503
    refresh(asked, "default")

    push(asked, origin, dags, "crm")

    assert codes(asked) == [("REF001", "low")]
    assert asked.inventory_of("default").airflow[Kind.CONNECTION].names == frozenset({"warehouse"})


def test_where_airflow_does_not_let_us_read_the_declared_list_is_what_counts(
    asked: Context, origin: Origin, dags: Repository, strange: Strange
) -> None:
    strange.answer = lambda path, query: 403 if "connections" in path else answers()(path, query)
    declare(asked, Declared({Kind.CONNECTION: frozenset({"crm"})}, complete=frozenset(Kind)))
    problem = refresh(asked, "default").airflow[Kind.CONNECTION].problem

    push(asked, origin, dags, "wharehouse")

    assert problem.startswith("AIR003 Airflow at")
    assert codes(asked) == [("REF001", "high")]


def test_what_is_asked_for_approval_is_compared_again_when_it_is_given(
    asked: Context, origin: Origin, registration: Registration, strange: Strange
) -> None:
    origin.push("first", {"orders.py": DAG.format("warehouse")})
    dags = register(asked, registration, options={"auto_deploy": False})
    declare(asked, COMPLETE)
    refresh(asked, "default")
    run_sync(asked, dags)
    with asked.database.transaction() as connection:
        (one,) = list_waiting(connection, dags.id)
    strange.answer = answers()
    refresh(asked, "default")

    with pytest.raises(Conflict) as refused:
        approve(asked, "dags", one.approval.release_id, reason="looks good", actor="bob")

    assert refused.value.code == "REL011"
    assert "REF001 the connection 'warehouse' is not in the environment's" in str(refused.value)


def test_an_airflow_is_asked_once_a_minute(asked: Context, strange: Strange) -> None:
    refresh(asked, "default")

    assert (refresh_stale(asked), refresh_stale(asked, 0.0)) == (0, 1)


def test_a_declared_inventory_is_stored_with_its_environment(context: Context) -> None:
    declared = Declared(
        {Kind.POOL: frozenset({"big"})},
        frozenset({"AIRFLOW_CONN_PG"}),
        {"vault": ("vault_",)},
        frozenset({"company_lib"}),
        frozenset({Kind.POOL}),
    )
    with context.database.transaction() as connection:
        known = get_environment(connection, "default")
    declare(context, declared)
    with context.database.transaction() as connection:
        found = get_environment(connection, "default").inventory

    assert (known.inventory, found) == (Declared(), declared)


def test_a_file_of_an_inventory_says_everything_that_is_wrong() -> None:
    text = b"connections: [pg]\nsecrets: {pg: x}\nenvironment_variables: [PG]\ncomplete: [all]\n"

    declared, findings = read_inventory("inventory.yaml", text)

    assert declared is None
    assert [one.line for one in findings] == [2, 3, 4]
