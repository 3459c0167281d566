"""The API beside its own description: whatever it is asked, it answers as openapi.json says."""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.calls import SECRET
from tests.integration.conftest import Origin, register, run_sync
from tests.integration.serving import TOKEN, api_over, client_of
from windlass.engine import webhooks
from windlass.engine.context import Context
from windlass.engine.register import Registration

DESCRIPTION = Path(__file__).parents[2] / "docs" / "contract" / "openapi.json"
CHECKS: list[CheckFunction] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
OF_EACH = 2
"""So many requests of each kind: all of them together have to end within half a minute."""
THERE = {"name": "dags", "kind": "github", "release": 1, "delivery": 1, "dag_id": "orders"}
"""What a path has to name to be of something that is there."""


def test_whatever_is_asked_is_answered_as_described(
    context: Context, registration: Registration, origin: Origin
) -> None:
    origin.push("first", {"orders.py": "from airflow.sdk import DAG\ndag = DAG('orders')\n"})
    repository = register(context, registration)
    webhooks.add(context, "dags", "github", secret=SECRET, actor="alice")
    run_sync(context, repository)
    schema = schemathesis.openapi.from_dict(json.loads(DESCRIPTION.read_text()))
    operations = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    wrong: list[str] = []

    with client_of(api_over(context)) as client:
        for one in sorted(operations, key=lambda one: one.method == "delete"):  # those at the end
            wrong += ask(one, str(client.base_url))

    assert wrong == []
    assert len(operations) > 80


def ask(operation: Any, url: str) -> list[str]:
    """Requests of an operation, good ones and bad ones; what is wrong with their answers."""
    names = {one.name for one in operation.path_parameters}
    there = {name: value for name, value in THERE.items() if name in names}
    kinds = [operation.as_strategy()]
    if there:
        kinds.append(operation.as_strategy(path_parameters=there))
    if operation.body or operation.query:
        kinds.append(operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=there or None))
    wrong = []

    @settings(
        max_examples=OF_EACH * len(kinds),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.generate],
    )
    @given(st.one_of(kinds))
    def try_one(case: Any) -> None:
        answer = case.call(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            wrong.append(f"{case.as_curl_command()}\n{failures.exceptions}\n{answer.text[:500]}")
        if answer.status_code in (500, 501, 502, 504):
            wrong.append(f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}")

    try_one()
    return wrong
