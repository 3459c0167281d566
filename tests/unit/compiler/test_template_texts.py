"""Hostile values, templates and locks: a value stays one value, and nothing hangs or breaks."""

import ast
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compiler.test_pipeline_texts import EVIL
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.tree import compile_tree
from windlass.domain.pipeline import Bindings
from windlass.domain.template import Lock, Templates, read_lock

PATH = "pipelines/a.yaml"
TEMPLATE = b"""\
apiVersion: windlass/v1
template:
  description: Says something
  params:
    what: {type: string}
    env: {type: object, default: {}}
pipeline:
  steps:
    - {name: whole, type: bash, command: "${with.what}", env: "${with.env}"}
    - {name: part, type: bash, command: "echo ${with.what}."}
"""
NAMED = "templates/say/1.0.0/template.yaml"


def templates(text: bytes = TEMPLATE) -> Templates:
    """A template, locked."""
    found = Templates.of({NAMED: text})
    return Templates(found.digests, found.texts, Lock(found.digests))


def document(what: str, env: object = None) -> bytes:
    given = {"what": what, **({} if env is None else {"env": env})}
    pipeline = {"name": "a", "domain": "b", "template": "say@1.0.0", "with": given}
    return json.dumps(
        {"apiVersion": "windlass/v1", "pipeline": pipeline}, ensure_ascii=False
    ).encode()


def commands(text: str) -> list[str]:
    """What the tasks of a DAG file run: literals, or this fails."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg == "bash_command"]
    return [ast.literal_eval(value) for value in given]


@pytest.mark.parametrize(
    "text", [*EVIL, "${with.what}", "${vars.x}", "$${with.what}", "*a", "&a b"]
)
def test_a_value_never_becomes_code_or_another_value(text: str) -> None:
    made, findings = compile_pipeline(PATH, document(text, {"X": text}), Bindings(), templates())

    if made is None:  # a character that no text may hold, or a variable that is not there
        assert {one.code for one in findings} <= {"YAML003", "YAML004", "PIPE018"}
        return
    assert commands(made.text) == [text, f"echo {text}."]


@given(
    st.text(max_size=200).filter(lambda text: text.isprintable() and text and "vars." not in text)
)
def test_any_text_arrives_as_it_was(text: str) -> None:
    made, findings = compile_pipeline(PATH, document(text), Bindings(), templates())

    if made is None:
        assert {one.code for one in findings} <= {"YAML003"}
        return
    assert commands(made.text) == [text, f"echo {text}."]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_template_or_told(content: bytes) -> None:
    text = b"apiVersion: windlass/v1\ntemplate: {description: x}\npipeline:\n  " + content
    for one in (content, text):
        made, findings = compile_pipeline(PATH, document("x"), Bindings(), templates(one))
        assert made is not None or findings


@given(st.text(max_size=300))
def test_any_text_is_a_lock_or_told_and_what_is_written_is_read(text: str) -> None:
    lock = read_lock(text)
    tree = compile_tree([], Bindings(), templates=Templates(lock=lock))

    assert len(tree.findings) == len(lock.strange)
    assert read_lock(lock.text) == Lock(lock.digests, lock.chosen)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"- " * 100_000, "YAML007"),
        (b"a: &a [x]\n" + b"".join(b"b%d: [*a, *a]\n" % n for n in range(9)), "FILE001"),
        (b"x" * (1 << 20) + b"x", "YAML001"),
        (b"!!python/object/apply:os.system [id]", "YAML008"),
    ],
)
def test_a_hostile_template_is_refused_where_it_is_named(content: bytes, code: str) -> None:
    made, findings = compile_pipeline(PATH, document("x"), Bindings(), templates(content))

    assert made is None
    assert code in {one.code for one in findings}
    assert {one.path for one in findings} == {PATH}
