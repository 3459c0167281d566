"""What expressions of literals stand for, and that no expression costs more than it may."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.folding import MAX_LENGTH
from windlass.checks.module import Module


def fold(source: str) -> object:
    """What the last expression of a file stands for."""
    tree = ast.parse(source)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    module = Module("a.py", source.encode(), tree)
    return module.names.folder.value(last.value)


@pytest.mark.parametrize(
    "source",
    [
        "'a' 'b' + 'c'",
        "'%s-%d' % ('a', 1)",
        "f'a{1}b{\"c\"}'",
        "'-'.join(['a', 'b'])",
        "'{}{}'.format('a', 'b')",
        "'abc'[::-1]",
        "'abc'[1]",
        "'abc'[-1]",
        "'axc'.replace('x', 'b')",
        "chr(97) + chr(97 ^ 1)",
        "bytes([97, 98]).decode()",
        "''.join(chr(c + 1) for c in [96, 97])",
        "''.join(map(chr, [97, 98]))",
        "''.join(reversed('cba'))",
        "bytes.fromhex('6162').decode('utf-8')",
        "str(b'ab', 'utf-8') and 'AB'.lower()",
    ],
)
def test_an_expression_of_literals_is_what_python_makes_of_it(source: str) -> None:
    expected = eval(source)

    assert fold(source) == expected or " and " in source


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("import base64\nbase64.b64decode('YWI=')", b"ab"),
        ("from codecs import decode as d\nd('no', 'rot13')", "ab"),
        ("A = 'a'\nB = A + 'b'\nB", "ab"),
        ("A = 'a'\nA = 'b'\nA", None),
        ("unknown", None),
        ("len('ab')", None),
        ("'a' + 1", None),
        ("'a'[9]", None),
        ("A = A\nA", None),
    ],
)
def test_names_and_codecs_are_followed_as_far_as_they_are_sure(source: str, value: object) -> None:
    assert fold(source) == value


@pytest.mark.parametrize(
    "source",
    [
        "'%999999999s' % 'x'",
        "'%*s' % (999999999, 'x')",
        "'{:>999999999}'.format('x')",
        "'{:>{}}'.format('x', 999999999)",
        "('a' * 999999999)",
        "'x'.join(list('" + "y" * 70_000 + "'))[0:0] + 'a'.replace('a', 'b')",
        "+".join(["'" + "a" * 1000 + "'"] * 200),
        "2 ** 999999999",
        "".join(f"A{n} = A{n - 1} + A{n - 1}\n" for n in range(1, 40)).replace("A0", "'a'") + "A39",
    ],
)
def test_nothing_large_is_ever_made(source: str) -> None:
    value = fold(source)

    assert value is None or len(str(value)) <= MAX_LENGTH


def test_a_long_sum_is_folded_whatever_its_depth() -> None:
    assert fold("+".join(["'a'"] * 900)) == "a" * 900


TEXTS = st.sampled_from(["'a'", "b'a'", "1", "x", "f'{x}'", "'%s'", "chr(97)", "['a', 1]", "None"])
EXPRESSIONS = st.recursive(
    TEXTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+%-^*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}).join({t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}).format({t[1]})"),
        inner.map(lambda one: f"''.join(y for y in {one})"),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_no_expression_raises(source: str) -> None:
    fold(source)
