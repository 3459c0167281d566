"""What is stored of the names in a file: read back as it was, also where there was none yet."""

import json

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.artifact import Outline
from windlass.domain.inventory import Declared, Inventory, Listing, Standing
from windlass.domain.names import How, Kind, Names, Need, Reference, Requirement

_WORDS = st.text(max_size=5)
_LINES = st.integers(1, 99)
NAMES = st.builds(
    Names,
    st.lists(st.builds(Need, _WORDS, _WORDS, _LINES, st.sampled_from(How)), max_size=3).map(tuple),
    st.lists(
        st.builds(Reference, st.sampled_from(Kind), _WORDS, _LINES, st.booleans()), max_size=3
    ).map(tuple),
    st.lists(st.builds(Requirement, _WORDS, _WORDS, _LINES), max_size=3).map(tuple),
    _WORDS,
)


@given(NAMES)
def test_names_come_back_from_json_as_they_were(names: Names) -> None:
    outline = Outline(("orders",), True, ("a",), ("x.sql",), True, names)

    assert Outline.from_json(json.loads(json.dumps(outline.to_json()))) == outline


def test_outlines_of_before_are_read_without_names() -> None:
    rows = [[["orders"], True, ["a"], []], [["orders"], True, ["a"], [], False]]

    assert [Outline.from_json(row) for row in rows] == [
        Outline(("orders",), True, ("a",), (), True),
        Outline(("orders",), True, ("a",), (), False),
    ]


def test_what_asks_for_nothing_is_stored_as_before() -> None:
    assert Outline().to_json() == [(), False, (), (), False]


def test_how_a_name_stands_by_each_source() -> None:
    inventory = Inventory(
        Declared(
            {Kind.CONNECTION: frozenset({"declared"})},
            frozenset({"AIRFLOW_CONN_PG_MAIN"}),
            {"vault": ("vault_",)},
            complete=frozenset({Kind.VARIABLE}),
        ),
        {Kind.CONNECTION: Listing(frozenset({"seen"})), Kind.POOL: Listing()},
    )
    names = ["declared", "pg_main", "vault_x", "seen", "else"]

    stands = [inventory.standing(Kind.CONNECTION, name) for name in names]

    assert stands == [Standing.KNOWN] * 4 + [Standing.UNLISTED]
    assert inventory.standing(Kind.VARIABLE, "x") is Standing.MISSING
    assert inventory.standing(Kind.POOL, "big") is Standing.UNKNOWN
    assert inventory.standing(Kind.POOL, "default_pool") is Standing.KNOWN
