"""Quantities of Kubernetes, and pods of any shape."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.checks.pod_schema import TYPES
from windlass.checks.pod_shape import quantity_of, shape_flaws
from windlass.checks.pod_values import MAX_DEPTH, MAX_VALUES, Unreadable, Value, read_yaml

NAMES = sorted({key for fields in TYPES.values() for key in fields})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", Fraction(1, 2)),
        ("2", Fraction(2)),
        ("1.5Gi", Fraction(3 * 2**29)),
        ("12e6", Fraction(12_000_000)),
        ("1k", Fraction(1000)),
        (".5", Fraction(1, 2)),
        ("-1", Fraction(-1)),
        ("512MB", None),
        ("1 Gi", None),
        ("1gi", None),
        ("", None),
        ("Mi", None),
        ("1e", None),
    ],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: str, number: Fraction | None) -> None:
    assert quantity_of(text) == number


@given(st.decimals(0, 10**9, places=3, allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_itself_and_a_thousand_of_its_thousandths(number: Decimal) -> None:
    text = format(number, "f")

    assert quantity_of(text) == Fraction(number) == 1000 * (quantity_of(f"{text}m") or 0)


@given(st.text(max_size=60))
def test_any_text_is_a_quantity_or_none(text: str) -> None:
    assert quantity_of(text) is None or isinstance(quantity_of(text), Fraction)


def values() -> st.SearchStrategy[Value]:
    plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    leaves = st.builds(Value, st.just("scalar"), st.just(1), st.just(1), plain=plain)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(
                lambda items: Value("list", 1, 1, items=tuple(items)), st.lists(inner, max_size=3)
            ),
            st.builds(
                lambda entries: Value("map", 1, 1, entries=entries),
                st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
            ),
        ),
        max_leaves=20,
    )


@given(values(), st.sampled_from(sorted(TYPES)))
def test_any_value_is_judged_as_any_type(value: Value, kind: str) -> None:
    flaws = list(shape_flaws(value, kind, ""))

    assert all(flaw.message and flaw.hint for flaw in flaws)


@pytest.mark.parametrize("text", ["[" * 1000, "- " * 1000 + "a", "a: [", "x: *y\n- z", "\x00"])
def test_hostile_yaml_is_unreadable_and_no_more(text: str) -> None:
    with pytest.raises(Unreadable):
        list(read_yaml(text))


def test_what_aliases_multiply_is_bounded() -> None:
    levels = [f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 9)]

    (document,) = read_yaml("b0: &b0 [x, x]\n" + "\n".join(levels))

    assert 1000 < _count(document) <= MAX_VALUES + 1


def _count(value: Value) -> int:
    return 1 + sum(map(_count, (*value.items, *value.entries.values())))


def test_what_is_merged_is_there_unless_it_is_written() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\nd: {<<: *e}\n"

    (document,) = read_yaml(text)

    merged = document.entries["c"]
    assert {key: value.plain for key, value in merged.entries.items()} == {"x": 5, "y": 2, "z": 4}
    assert (merged.is_open, document.entries["d"].is_open) == (False, True)


def test_depth_is_bounded() -> None:
    depth = MAX_DEPTH - 1

    assert list(read_yaml("[" * depth + "]" * depth))
