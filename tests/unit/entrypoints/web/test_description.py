"""openapi.json: what each operation does, how it may fail, what a request looks like."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from windlass.entrypoints import web
from windlass.entrypoints.web.examples import EXAMPLES

DESCRIPTION = json.loads(
    (Path(__file__).parents[4] / "docs" / "contract" / "openapi.json").read_text()
)
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}


def model_of(name: str) -> Any:
    modules = (
        importlib.import_module(f"{web.__name__}.{found.name}")
        for found in pkgutil.iter_modules(web.__path__)
    )
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def bodies() -> set[str]:
    """The names of what requests hold."""
    text = json.dumps([one.get("requestBody") for one in OPERATIONS.values()])
    return {name for name in DESCRIPTION["components"]["schemas"] if f'schemas/{name}"' in text}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_says_in_a_line_what_it_does(name: str) -> None:
    operation = OPERATIONS[name]

    assert 5 <= len(operation["summary"]) <= 90
    assert operation["description"].startswith(operation["summary"].split("`")[0][:20])
    assert operation["tags"]


@pytest.mark.parametrize("name", [name for name in OPERATIONS if " /api/" in name])
def test_every_operation_behind_the_token_says_how_it_may_fail(name: str) -> None:
    responses = OPERATIONS[name]["responses"]

    assert {"401", "404", "409", "422", "500", "503"} <= responses.keys()
    schemas = {
        status: one["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, one in responses.items()
        if int(status) >= 400
    }
    assert set(schemas.values()) == {"Problem"}
    assert OPERATIONS[name]["security"] == [{"HTTPBearer": []}]


def test_every_change_knows_who_makes_it() -> None:
    no_changes = {
        "POST /api/v1/environments/{name}/inventory/refresh",
        "POST /api/v1/environments/{name}/test",
        "POST /api/v1/repositories/{name}/plan",
        "POST /api/v1/repositories/{name}/sync",
        "POST /api/v1/repositories/{name}/try",
        "POST /api/v1/credentials/{name}/test",
    }
    anonymous = {
        name
        for name, operation in OPERATIONS.items()
        if not name.startswith(("GET ", "POST /webhooks/"))  # a call proves itself
        and "x-windlass-on-behalf-of" not in {one["name"] for one in operation["parameters"]}
    }

    assert anonymous == no_changes


def test_every_request_has_an_example() -> None:
    assert sorted(bodies() - EXAMPLES.keys()) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_what_its_model_takes(name: str) -> None:
    TypeAdapter(model_of(name)).validate_python(EXAMPLES[name])

    assert DESCRIPTION["components"]["schemas"][name]["examples"] == [EXAMPLES[name]]
