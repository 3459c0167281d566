"""Text that cannot steer a terminal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.text import plain, plain_json

TEXTS = st.text(st.characters(exclude_categories=()))  # with surrogates


@pytest.mark.parametrize(
    "steering",
    ["\x00", "\x07", "\x1b", "\r", "\x7f", "\x80", "\x9b", "\u061c", "\u202e", "\u2069", "\ud800"],
)
def test_what_steers_a_terminal_is_replaced_and_the_rest_stays(steering: str) -> None:
    assert plain(f"a{steering}[2J é") == "a\ufffd[2J é"
    assert plain(f"a{steering}[2J é", block=True) == "a\ufffd[2J é"


def test_newlines_and_tabs_stay_in_a_block_alone() -> None:
    assert plain("a\n\tb") == "a\ufffd\ufffdb"
    assert plain("a\n\tb", block=True) == "a\n\tb"


@given(TEXTS)
def test_no_control_and_no_surrogate_is_left_in_a_line(text: str) -> None:
    line = plain(text)

    assert {unicodedata.category(one) for one in line} & {"Cc", "Cs"} == set()
    assert len(line) == len(text)


@given(TEXTS)
def test_json_keeps_its_value_and_holds_nothing_that_steers(text: str) -> None:
    shown = plain_json(json.dumps(text, ensure_ascii=False))

    assert json.loads(shown) == text
    assert plain(shown) == shown
