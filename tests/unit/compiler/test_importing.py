"""Pipelines of dag-factory and PipeWeaver become documents that compile, and nothing is lost
without being named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compiler.importing_cases import CASES, READERS, imported, made_of, told
from windlass.compiler.documents import read_document
from windlass.compiler.nodes import to_json
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.importing.dag_factory import import_dag_factory
from windlass.compiler.pipelines.importing.notes import Imported
from windlass.compiler.pipelines.importing.pipeweaver import import_pipeweaver
from windlass.domain.finding import Severity
from windlass.domain.pipeline import Bindings

IDS = [case.stem for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_file_becomes_what_stands_beside_it(case: Path) -> None:
    assert made_of(case) == case.with_suffix(".out").read_text("utf-8")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_what_was_made_compiles_under_its_old_id(case: Path) -> None:
    for one in imported(case).pipelines:
        path = f"pipelines/{one.name}.yaml"
        compiled, findings = compile_pipeline(path, one.text.encode(), Bindings())

        assert [f.message for f in findings if f.severity is Severity.CRITICAL] == []
        assert compiled is not None
        assert compiled.dag_id == one.document["pipeline"]["dag_id"]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_key_is_carried_over_or_named(case: Path) -> None:
    """Without it, other documents come out, or other notes."""
    document = json.loads(json.dumps(yaml.safe_load(case.read_text("utf-8")), default=str))
    read = READERS[case.parent.name]

    def result(value: Any) -> object:
        made = read(case.name, json.dumps(value, indent=1).encode())
        return [one.text for one in made.pipelines], [f.message for f in made.findings]

    before = result(document)
    idle = [name for name, without in each_without(document) if result(without) == before]

    assert idle == []


def each_without(value: Any) -> Iterator[tuple[str, Any]]:
    for path in paths_in(value):
        copy = json.loads(json.dumps(value))
        holder = copy
        for part in path[:-1]:
            holder = holder[part]
        del holder[path[-1]]
        yield ".".join(map(str, path)), copy


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys of a file, but for those within what is left out or passed on as a whole."""
    whole = {"notifications", "config", "container_resources", "schedule", "expand"}
    items = enumerate(value) if isinstance(value, list) else ()
    for key, one in value.items() if isinstance(value, dict) else items:
        if isinstance(value, dict):
            yield (*path, key)
        if key not in whole:
            yield from paths_in(one, (*path, key))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30) | st.sampled_from(
    [
        "yes",
        "1e3",
        "0o17",
        "2024-01-01",
        "12:30:00",
        "a\nb\n",
        " a\n",
        "null",
        "~",
        "=",
        "<<",
        "x: y",
    ]
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=12,
    )
)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    text = Imported("a", {"value": value}).text
    document = read_document("a.yaml", text.encode())

    assert document.findings == ()
    assert document.root is not None
    assert to_json(document.root) == {"value": value}


def test_a_file_without_a_pipeline_is_told() -> None:
    found = [
        told(import_pipeweaver("a.yaml", b"steps: []\n")),
        told(import_dag_factory("a.yml", b"default: {}\n")),
        told(import_dag_factory("a.yml", b"a: {tasks: [\n"))[:20],
    ]

    assert found == [
        "# a.yaml PIPE061 the file has no pipeline. Name one of PipeWeaver's.\n",
        "# a.yml PIPE063 the file has no DAG. "
        "Name a file of dag-factory: a key for each DAG, with tasks.\n",
        "# a.yml:2:1 YAML004 ",
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_told(content: bytes) -> None:
    for read in READERS.values():
        made = read("a.yaml", content)

        assert made.pipelines or made.findings


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 10**9) | st.text("ab.: 1@", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        *("name", "domain", "steps", "inputs", "outputs", "type", "path", "schedule", "expression"),
        *("parameters", "notifications", "on_failure", "owners", "default_args", "owner", "tasks"),
        *(
            "task_groups",
            "group_name",
            "dependencies",
            "operator",
            "expand",
            "retry_delay",
            "outlets",
        ),
        *(
            "python_callable_file",
            "python_callable_name",
            "start_date",
            "catchup",
            "params",
            "task_id",
        ),
    ]
)


@given(st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=5), max_leaves=20))
def test_no_shape_of_a_file_is_too_much(value: Any) -> None:
    content = json.dumps({"pipeline": value}).encode()

    assert import_pipeweaver("a.yaml", content) == import_pipeweaver("a.yaml", content)
    assert import_dag_factory("a.yaml", content) == import_dag_factory("a.yaml", content)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.dictionaries(KEYS, VALUES, max_size=6))
def test_whatever_the_keys_hold_they_are_read_or_told(one: Any, other: Any) -> None:
    weaved = {"pipeline": {"name": "a", "steps": [{**one, "inputs": [other]}], **other}}
    dag = {"default_args": other, "tasks": {"a": one, "b": other}, "task_groups": [one, other]}

    assert import_pipeweaver("a.yaml", json.dumps(weaved).encode()).pipelines
    assert import_dag_factory(
        "a.yml", json.dumps({"x": dag, "y": {**dag, **one}}).encode()
    ).pipelines


def test_what_is_left_and_what_is_renamed_have_codes_of_their_own() -> None:
    (case,) = (case for case in CASES if case.name == "orders.yml")

    assert {one.code for one in imported(case).findings} == {"PIPE060", "PIPE062"}
