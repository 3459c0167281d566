"""Every case of tests/cases/pipelines, and what all of them have in common."""

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.unit.compiler.pipeline_cases import (
    CASES,
    FOLDER,
    PATH,
    bindings_of,
    compiled_of,
    files_of,
    made_of,
    templates_of,
)
from windlass.compiler.documents import read_document
from windlass.compiler.nodes import to_json
from windlass.compiler.pipelines.compile import read_pipeline
from windlass.compiler.pipelines.emit import emit
from windlass.compiler.pipelines.schema import pipeline_schema
from windlass.compiler.pipelines.steps import STEP_TYPES
from windlass.compiler.pipelines.steps.ingestion import pairs
from windlass.domain.template import NO_TEMPLATES, Templates

VALIDATOR = Draft202012Validator(pipeline_schema())
GOOD = [case for case in CASES if not case.startswith(("refused", "not_a"))]
# What people may write for readers of the document alone, and what says a default.
READERS_ONLY = {"name", "description", "port", "apiVersion"}
DEFAULTS = {"schedule: {'type': 'manual'}"}
LITERAL: set[type[ast.AST]] = {
    *(ast.Module, ast.ImportFrom, ast.alias, ast.With, ast.withitem, ast.Assign, ast.Expr),
    *(ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Load, ast.Store, ast.Constant),
    *(ast.Lambda, ast.arguments, ast.arg, ast.BoolOp, ast.And),  # of one lambda, see below
    *(ast.List, ast.Dict, ast.BinOp, ast.BitOr, ast.BitAnd, ast.RShift, ast.UnaryOp, ast.USub),
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_compiles_to_what_stands_beside_it(case: str) -> None:
    assert made_of(case) == files_of(case)


def test_there_is_a_case_for_every_step_type_and_every_pair_of_ends() -> None:
    texts = {case: (FOLDER / case / "in.yaml").read_text("utf-8") for case in GOOD}
    types = {step.type for case in GOOD for step in pipeline_of(case).steps}
    ends = {
        (source["type"], target["type"])
        for text in texts.values()
        for step in yaml.safe_load(text)["pipeline"].get("steps", [])
        for source in step.get("inputs", [step.get("from")])
        for target in step.get("outputs", [step.get("to")])
        if source and target
    }
    databases = {"postgres", "mysql", "snowflake", "sqlite"}
    wanted = {pair for pair in pairs() if pair[0] not in databases or pair[0] == "postgres"}
    alike = {(one, other) for one, other in wanted if other in databases and one == "postgres"}

    assert STEP_TYPES.keys() - types == set()
    assert wanted - alike - ends == set()


@pytest.mark.parametrize("case", GOOD)
def test_the_text_is_the_tree_that_was_meant_and_holds_literals_only(case: str) -> None:
    bindings = bindings_of(case, (3, 3))
    pipeline = pipeline_of(case)
    tree = ast.Module(emit(pipeline, PATH, bindings.airflow).statements, [])
    parsed = ast.parse(made_of(case)["out.py"])
    others = {type(node) for node in ast.walk(parsed)} - LITERAL

    written = {ast.unparse(node) for node in ast.walk(parsed) if isinstance(node, ast.Lambda)}

    assert ast.dump(parsed) == ast.dump(tree)
    assert written <= {"lambda message: message.value() and message.value().decode()"}
    assert others == set()


@pytest.mark.parametrize("case", GOOD)
def test_every_line_has_the_line_of_the_document_that_it_comes_from(case: str) -> None:
    content = (FOLDER / case / "in.yaml").read_bytes()
    compiled, _ = compiled_of(case, content)
    assert compiled is not None
    steps = {step.line for step in pipeline_of(case).steps}
    lines = compiled.text.splitlines()
    marked = [at for at, line in enumerate(lines) if "# src: " in line]

    assert len(compiled.lines) == len(lines)
    assert {compiled.lines[at] for at in marked} == steps
    origins = (compiled.origin(at + 1) for at in marked)
    ends = [f":{line}, {within}" if within else f":{line}" for line, within in origins]
    assert [lines[at].endswith(end) for at, end in zip(marked, ends, strict=True)] == [True] * len(
        ends
    )


@pytest.mark.parametrize("case", GOOD)
def test_every_field_has_an_effect(case: str) -> None:
    """Whatever is taken out of a document, another file comes out of it, or a finding."""
    document = yaml.safe_load((FOLDER / case / "in.yaml").read_text("utf-8"))
    document = json.loads(json.dumps(document, default=str))
    before = body_of(case, document)

    idle = [
        f"{key}: {value}"
        for key, value, without in each_without(document)
        if body_of(case, without) == before and key not in READERS_ONLY
    ]

    assert [one for one in idle if one not in DEFAULTS and not is_spare(case, one)] == []


@pytest.mark.parametrize("case", [case for case in CASES if case != "refused_not_yaml"])
def test_the_json_schema_takes_what_the_compiler_takes_as_far_as_it_can_tell(case: str) -> None:
    root = read_document(PATH, (FOLDER / case / "in.yaml").read_bytes()).root
    assert root is not None
    lines = made_of(case).get("findings.txt", "").splitlines()[::2]
    codes = {line.split()[1] for line in lines if "(in templates/" not in line}
    by_shape = any(code.startswith(("FILE", "PIPE055", "PIPE056", "PIPE057")) for code in codes)
    templates = templates_of(case)
    validator = VALIDATOR if templates == NO_TEMPLATES else validator_of(templates)

    is_valid = validator.is_valid(to_json(root))
    assert is_valid or lines or case == "not_a_pipeline"
    assert not (is_valid and by_shape)


def validator_of(templates: Templates) -> Draft202012Validator:
    return Draft202012Validator(pipeline_schema(templates))


def is_spare(case: str, field: str) -> bool:
    """What another key of the same case makes idle, on purpose."""
    key = field.partition(":")[0]
    profiled = case in ("profile_of_an_environment", "another_profile_changes_nothing")
    return profiled and key in ("profiles", "prod", "schedule", "size", "retries")


def body_of(case: str, document: Any) -> object:
    """What is compiled, without the digest of its input; the findings where nothing is."""
    content = json.dumps(document).encode()
    compiled, findings = compiled_of(case, content)
    if compiled is None:
        return [(one.code, one.message) for one in findings]
    lines = compiled.text.splitlines()
    body = [line for line in lines if not line.startswith("# ") and "# src:" not in line]
    return body, [(one.code, one.message) for one in findings]


def each_without(document: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each key with its value, and the document without it."""
    for path in paths_in(document):
        copy = json.loads(json.dumps(document))
        holder = copy
        for part in path[:-1]:
            holder = holder[part]
        yield str(path[-1]), holder.pop(path[-1]), copy


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = enumerate(value) if isinstance(value, list) else ()
    for key, one in value.items() if isinstance(value, dict) else items:
        if isinstance(value, dict):
            yield (*path, key)
        yield from paths_in(one, (*path, key))


def pipeline_of(case: str) -> Any:
    content = (FOLDER / case / "in.yaml").read_bytes()
    pipeline, _ = read_pipeline(PATH, content, bindings_of(case, (3, 3)), templates_of(case))
    assert pipeline is not None
    return pipeline
