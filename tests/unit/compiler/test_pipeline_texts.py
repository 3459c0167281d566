"""Hostile documents: a text stays a text, and nothing hangs."""

import ast
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.compiler.documents import MAX_BYTES
from windlass.compiler.pipelines.code import literal
from windlass.compiler.pipelines.compile import compile_pipeline
from windlass.compiler.pipelines.emit import emit
from windlass.compiler.pipelines.layout import lay_out
from windlass.compiler.pipelines.tree import compile_tree
from windlass.domain.pipeline import Bindings, Pipeline, Step

PATH = "pipelines/a.yaml"
EVIL = (
    '"""\n\'\'\'); import os; os.system("id") #',
    "'); __import__('os').system('id'); ('",
    "\\",
    "\\\\'\\\"\\n",
    "{x} {} %s %(x)s ${x} $(id) `id`",
    "{{ cycler.__init__.__globals__.os.system('id') }}",
    "{% for x in y %}",
    "\u2028import os\u2029\x85\x0b\x0c",
    "\u202eos tropmi\u202c\u200b\ufeff",
    "# src: other.yaml:1\nimport os",
    "\r\nimport os\r\n",
    "\U0001d422\U0001d426\U0001d429 os \u017f",
    "\0",
    "a" * 5000,
    "line\n" * 500,
)


def document(text: str) -> dict[str, Any]:
    """A pipeline that holds the text wherever a text is free."""
    key = text[:200]
    tell = [{"email": {"to": "ann@example.com", "subject": text, "body": text}}]
    steps: list[dict[str, Any]] = [
        {"name": "a", "type": "bash", "command": text, "env": {key: text}, "description": text},
        {"name": "b", "type": "sql", "connection": "dw", "sql": text, "parameters": {key: text}},
        {"name": "c", "type": "python", "callable": "company.load", "arguments": {key: [text]}},
        {"name": "d", "type": "http", "connection": "api", "endpoint": text, "data": text},
        {"name": "e", "type": "bash", "map": {"into": "command", "over": [text]}},
    ]
    pipeline = {
        "name": "orders",
        "domain": "sales",
        "description": text,
        "documentation": text,
        "owners": [{"name": text, "email": "ann@example.com"}],
        "params": {"x": {"type": "string", "default": text, "description": text}},
        "vars": {"x": text},
        "notifications": {"on_failure": tell},
        "steps": [*steps, {"name": "f", "type": "bash", "command": "${vars.x}"}],
    }
    return {"apiVersion": "windlass/v1", "pipeline": pipeline}


def dumped(value: object) -> bytes:
    return yaml.safe_dump(value, width=10**9).encode()


def bare(text: str) -> str:
    """The tree of a file without what its texts say."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def compiled(content: bytes) -> str | None:
    made, findings = compile_pipeline(PATH, content, Bindings())
    assert made is not None or findings
    return made.text if made else None


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_a_text_never_becomes_code(text: str) -> None:
    made = compiled(dumped(document(text)))

    assert made is not None
    assert bare(made) == bare(compiled(dumped(document("x"))) or "")
    assert made.encode().isascii() or made.isprintable() or "\n" in made


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_a_name_that_is_no_name_is_refused(text: str) -> None:
    for key in ("name", "domain", "dag_id"):
        given = document("x")
        given["pipeline"][key] = text if len(text) < 300 else f"{text}!"

        assert compiled(dumped(given)) is None


LAUGHS = b"pipeline: x\na0: &a0 [x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"pipeline:\n" + b"- " * 100_000, "YAML007"),
        (b"pipeline: " + b"[" * 100_000, "YAML007"),
        (b"pipeline: {}\na: &a [x, x]\n" + b"c: *a\n" * 50_000, "YAML011"),
        (LAUGHS, "YAML014"),
        (b"pipeline: !!python/object/apply:os.system [id]\n", "YAML008"),
        (b"pipeline: *pipeline\n", "YAML013"),
        (b"pipeline: " + b"x" * MAX_BYTES, "YAML001"),
        (b"pipeline: \xff\n", "YAML002"),
        (b"%TAG ! !os\n---\npipeline: {}\n", "YAML015"),
        (b"pipeline: {name: a}\n---\npipeline: {name: b}\n", "YAML005"),
        (b'pipeline: {name: "\\ud800"}\n', "YAML004"),
    ],
)  # fmt: skip
def test_a_hostile_document_is_refused(content: bytes, code: str) -> None:
    made, findings = compile_pipeline(PATH, content, Bindings())

    assert made is None
    assert code in [one.code for one in findings]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(values, st.integers(0, 8))
def test_whatever_is_laid_out_reads_as_it_was(value: Any, depth: int) -> None:
    statement = ast.Assign([ast.Name("x", ast.Store())], literal(value))
    text = "\n".join(line for line, _ in lay_out([statement], {}, depth))

    assert ast.literal_eval(text.strip().removeprefix("x = ")) == value


@given(
    st.lists(
        st.tuples(
            st.text("aA_-0", min_size=1, max_size=6),
            st.lists(st.sampled_from("gh"), max_size=2),
            st.text(st.characters(exclude_categories=["Cs"])),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one[0],
    )
)
def test_any_pipeline_is_read_as_the_tree_that_was_meant(
    drawn: list[tuple[str, list[str], str]],
) -> None:
    names = [name for name, _, _ in drawn]
    steps = tuple(
        Step(name, "bash", at, {"command": text}, groups=tuple(groups), depends_on=(*names[:at],))
        for at, (name, groups, text) in enumerate(drawn)
    )
    made = emit(Pipeline("sales.orders", 1, steps), PATH, (3, 3))
    text = "\n".join(line for line, _ in lay_out(made.statements, made.comments))

    assert ast.dump(ast.parse(text)) == ast.dump(ast.Module(made.statements, []))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_compiled_or_refused(content: bytes) -> None:
    first = compile_pipeline(PATH, b"pipeline: " + content, Bindings())

    assert first == compile_pipeline(PATH, b"pipeline: " + content, Bindings())


def test_two_documents_cannot_be_compiled_to_one_file() -> None:
    def named(name: str) -> bytes:
        step = {"name": "load", "type": "bash", "command": "true"}
        pipeline = {"name": name, "domain": "sales", "steps": [step]}
        return yaml.safe_dump({"apiVersion": "windlass/v1", "pipeline": pipeline}).encode()

    files = [("pipelines/a.yaml", named("one")), ("pipelines/a.yml", named("two"))]
    findings = compile_tree(files, Bindings()).findings

    assert [(f.code, f.place, f.message, f.hint) for f in findings] == [
        (
            "PIPE041",
            "pipelines/a.yml",
            "pipelines/a.yaml is compiled to pipelines/a.py already",
            "Rename one of the files.",
        )
    ]
