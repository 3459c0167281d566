"""Between any two ends every key has an effect, or is refused."""

import json
from typing import Any

import pytest

from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.steps.endpoints import SOURCE, TARGET
from windlass.compiler.pipelines.steps.ingestion import pairs
from windlass.compiler.shapes import Cases
from windlass.domain.pipeline import Bindings

VALUES = {
    "connection": "conn",
    "table": "sales.orders",
    "query": "SELECT 1",
    "bucket": "lake",
    "container": "pond",
    "key": "some/key",
    "path": "/orders",
    "format": "parquet",
    "mode": "replace",
    "endpoint": "/orders",
    "method": "POST",
    "headers": {"a": "b"},
    "attachment": "orders.csv",
    "folder": "Orders",
    "topic": "orders",
    "limit": 500,
    "idle": "5s",
}
READERS_ONLY = {"name", "description", "host", "port", "database"}  # beside a connection
SAME = {"table_name": "table", "query": "table"}  # one of two


@pytest.mark.parametrize("pair", pairs(), ids="-".join)
def test_every_key_of_both_ends_changes_something_or_is_refused(pair: tuple[str, str]) -> None:
    ends = {"from": full_end(SOURCE, pair[0]), "to": full_end(TARGET, pair[1])}
    ends["to"]["connection"] = ends["from"]["connection"]
    for key in ("format", "mode"):
        if compiled({**ends, "to": only(ends["to"], "type", key)})[1].count("PIPE047"):
            del ends["to"][key]
    before = compiled(ends)
    assert before[0]

    idle = [
        (side, key)
        for side, end in ends.items()
        for key in end
        if key not in ("type", "connection")
        and compiled({**ends, side: without(end, key)}) == before
    ]

    assert idle == []
    assert [side for side in ends if not says_connection(ends, side)] == []


def says_connection(ends: dict[str, Any], side: str) -> bool:
    """Whether the connection of an end is in the file, or refused as a second one."""
    end = {**ends[side], "connection": "another"}
    text, codes = compiled({**ends, side: end})
    return '"another"' in text or "PIPE048" in codes


def only(end: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {one: value for one, value in end.items() if one in keys}


def full_end(cases: Cases, kind: str) -> dict[str, Any]:
    record = cases.of[kind]
    wanted = record.keys.keys() - READERS_ONLY - SAME.keys() - {"type"}
    return {"type": kind, **{key: VALUES[key] for key in sorted(wanted)}}


def without(end: dict[str, Any], key: str) -> dict[str, Any]:
    return {one: value for one, value in end.items() if one != key}


def compiled(ends: dict[str, Any]) -> tuple[str, list[str]]:
    """What is compiled below the header; and the codes of what is told."""
    step = {"name": "copy", "type": "transfer", **ends}
    pipeline = {"name": "orders", "domain": "sales", "steps": [step]}
    content = json.dumps({"apiVersion": "windlass/v1", "pipeline": pipeline}).encode()
    made, findings = compile_pipeline("pipelines/a.yaml", content, Bindings())
    text = made.text.partition("\n\n")[2] if made else ""
    return text, [one.code for one in findings]
