"""The YAML reader: one meaning for each text, every problem at its place, bounded work."""

import json
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.compiler.documents import MAX_BYTES, MAX_DEPTH, MAX_FINDINGS, read_document
from windlass.compiler.nodes import Entry, ListNode, MapNode, Place, ScalarNode, to_json
from windlass.compiler.scalars import resolve, trap_in

# Beyond U+FFFF JSON writes two escapes for one character, which YAML does not know.
WORDS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def problems(text: str | bytes) -> list[str]:
    """Each as `line:column code`."""
    content = text.encode() if isinstance(text, str) else text
    return [f"{f.line}:{f.column} {f.code}" for f in read_document("x.yaml", content).findings]


def value(text: str) -> object:
    document = read_document("x.yaml", text.encode())
    assert document.findings == ()
    assert document.root is not None
    return to_json(document.root)


def test_every_key_and_value_has_its_place() -> None:
    document = read_document("x.yaml", "a: 1\nb:\n  - ü: 'x'\n".encode())

    assert document.root == MapNode(
        (
            Entry("a", Place(1, 1), ScalarNode(1, "1", Place(1, 4))),
            Entry(
                "b",
                Place(2, 1),
                ListNode(
                    (
                        MapNode(
                            (Entry("ü", Place(3, 5), ScalarNode("x", "x", Place(3, 8))),),
                            Place(3, 5),
                        ),
                    ),
                    Place(3, 3),
                ),
            ),
        ),
        Place(1, 1),
    )


@given(JSON.filter(lambda tree: tree is not None))
def test_every_json_text_is_read_as_json_reads_it(tree: object) -> None:
    text = json.dumps(tree)  # ASCII: what is invisible is written as an escape

    assert value(text) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("0", 0),
        ("0xff", 255),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1.5e+3", 1500.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("v1", "v1"),
        ("yess", "yess"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("'no'", "no"),
        ('"0777"', "0777"),
    ],
)
def test_a_plain_scalar_has_its_meaning_of_yaml_1_2(text: str, expected: object) -> None:
    assert value(f"[{text}]") == [expected]


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "No", "ON", "off", "y", "N"),
        *("0777", "08", "00", "0o17", "0b11", "-012"),
        *("1_000", "1_0.5", "0x_ff", "1:30", "190:20:30", "1:30.5"),
        *("1e3", "1.e4", "1E400", "12345678901234567890", "0.1234567890123456789012345678901"),
        *(".inf", "-.INF", ".nan", "<<", "="),
    ],
)
def test_what_yaml_1_1_and_1_2_read_differently_is_refused(text: str) -> None:
    assert problems(f"a: {text}") == ["1:4 YAML012"]


def test_a_trap_is_explained_with_the_way_out() -> None:
    (found,) = read_document("x.yaml", b"enabled: no").findings

    assert (found.place, found.message, found.hint) == (
        "x.yaml:1:10",
        '"no" is a truth value to some readers of YAML and a text to others',
        'Write "no" in quotes for the text; else true, false or a decimal number.',
    )


@given(st.text("0123456789_:.eExXob+-aAfFnNyYsStTrRuUlL", max_size=9))
def test_a_scalar_without_a_trap_reads_the_same_in_yaml_1_1(text: str) -> None:
    if trap_in(text) is not None or text.strip("-?: ") != text or not text:
        return
    try:
        by_pyyaml = yaml.safe_load(f"[{text}]")
    except (yaml.YAMLError, ValueError):  # a date that does not exist
        return

    if by_pyyaml == [resolve(text)] or not isinstance(by_pyyaml, list):
        return
    # What YAML 1.1 makes a date of is a text here, and is one to those who want a text.
    assert isinstance(resolve(text), str)
    assert by_pyyaml[0] is None or type(by_pyyaml[0]).__module__ == "datetime" or ":" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1 YAML011"]),
        ("{a: 1, 'a': 2}", ["1:8 YAML011"]),
        ("a:\n\tb: 1\n", ["2:1 YAML016"]),
        ("a: [1\nb: 2\n", ["2:2 YAML004"]),
        ("a: b: c\n", ["1:5 YAML004"]),
        ("a: 'x\n", ["2:1 YAML004"]),
        ("a: @x\n", ["1:4 YAML004"]),
        ("a: 1\n---\nb: 2\n", ["2:1 YAML005"]),
        ("", ["None:None YAML006"]),
        ("# only words\n", ["None:None YAML006"]),
        ("a: !!str 5\n", ["1:4 YAML008"]),
        ("a: !!python/object:os.system x\n", ["1:4 YAML008"]),
        ("[1, 2]: 3\n", ["1:1 YAML009"]),
        ("? {a: 1}\n: 2\n", ["1:3 YAML009"]),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", ["3:3 YAML010"]),
        ("a: *b\n", ["1:4 YAML013"]),
        ("a: &a [*a]\n", ["1:8 YAML013"]),
        ("%YAML 1.1\n---\na: 1\n", ["1:1 YAML015"]),
        ("a: 1\nb: \u202e x\n", ["2:4 YAML003"]),
        ("a: x\u2028b: 1\n", ["1:5 YAML003"]),
        ("a: \x00\n", ["1:4 YAML003"]),
        (b"a: 1\nb: \xff\n", ["2:1 YAML002"]),
        ("a: no\nb: yes\na: 1\n", ["1:4 YAML012", "2:4 YAML012", "3:1 YAML011"]),
    ],
)
def test_each_problem_is_told_at_its_place(text: str | bytes, expected: list[str]) -> None:
    assert problems(text) == expected


def test_the_second_of_two_keys_is_told_where_the_first_is() -> None:
    (found,) = read_document("x.yaml", b"a: 1\nb: 2\na: 3\n").findings

    assert (found.message, found.hint) == ('the key "a" is here twice', "First at x.yaml:1:1.")


def test_keys_are_text_whatever_they_look_like() -> None:
    assert value("on: 1\nno: 2\n5: 3\nnull: 4\n") == {"on": 1, "no": 2, "5": 3, "null": 4}


def test_a_value_that_is_used_twice_may_have_an_anchor() -> None:
    assert value("a: &x {k: [1]}\nb: *x\n") == {"a": {"k": [1]}, "b": {"k": [1]}}


def test_windows_lines_and_a_byte_order_mark_are_read_like_others() -> None:
    assert value("\ufeffa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n"
    for old, new in zip(string.ascii_lowercase, string.ascii_lowercase[1:10], strict=False)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- " * 200_000, "YAML007"),
        ("[" * 500_000, "YAML007"),
        ("{a: " * 200_000, "YAML007"),
        ("? " * 200_000, "YAML007"),
        (BOMB, "YAML014"),
        ("- a\n" * 250_000, "YAML014"),
        ("{" + "a," * 300_000, "YAML011"),
        ("x" * (MAX_BYTES + 1), "YAML001"),
        ("a:" * 300_000, "YAML004"),
        ("!" * 1_000_000, "YAML008"),
        ("*" + "a" * 1_000_000, "YAML013"),
        ("[a: b, " * 100_000, "YAML007"),
    ],
    ids=lambda it: it[:8] if len(it) > 7 else None,
)
def test_a_text_made_to_hurt_is_refused_soon_and_shortly(text: str, code: str) -> None:
    findings = read_document("x.yaml", text.encode()).findings

    assert code in {found.code for found in findings}
    assert len(findings) <= MAX_FINDINGS
    assert max(len(found.message) for found in findings) < 300


def test_the_deepest_text_that_is_read_has_so_many_levels() -> None:
    def nested(levels: int) -> str:
        return "[" * levels + "1" + "]" * levels

    assert problems(nested(MAX_DEPTH - 1)) == []
    assert problems(nested(MAX_DEPTH)) == [f"1:{MAX_DEPTH + 1} YAML007"]


@given(st.binary(max_size=60) | st.text("ab:-[]{}#&*!|>'\"%@`?, \n\t", max_size=40).map(str.encode))
def test_any_bytes_are_a_document_or_have_findings(content: bytes) -> None:
    document = read_document("x.yaml", content)

    assert (document.root is not None) or document.findings
